"""Options that change how fast the same training runs: the attention implementation, compiled layers, fewer logits.

Each rounds differently, so its results have hashes of their own; the defaults keep the bits of earlier results.
"""

from __future__ import annotations

import os
import shutil

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from synth_scaling.core.validation import ConfigError
from synth_scaling.training.batches import IGNORED
from synth_scaling.training.options import TrainerOptions


def attention_of(options: TrainerOptions) -> dict[str, str]:
    """Keyword arguments of `from_pretrained` that choose the attention implementation; none for `auto`."""
    return {} if options.attention == "auto" else {"attn_implementation": options.attention}


def compile_layers(model: torch.nn.Module) -> None:
    """Have torch compile each decoder layer when it is first called; adapters may be added until then.

    Layers share the compiled code, so compiling takes as long as for one layer. Lengths of sequences are symbols in it:
    a batch of another length needs no other code, and a resumed training repeats the bits of one that was not stopped.
    Raises ConfigError without a C++ compiler, which torch needs on CPUs and GPUs alike, or without decoder layers.
    """
    compilers = (os.environ.get("CXX", "g++"), "g++", "clang++")
    if not any(shutil.which(compiler) for compiler in compilers):
        raise ConfigError("trainer.compile=True: needs a C++ compiler on this machine (g++ or clang++)")
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise ConfigError(
            f"trainer.compile=True: allowed is False for {type(model).__name__}, which has no layers to compile"
        )
    for layer in layers:
        layer.compile(dynamic=True)


def predicting_positions(labels: torch.Tensor) -> torch.Tensor:
    """Positions (K,) of labels (B, T) from which a trained token is predicted in any row, ascending."""
    return (labels[:, 1:] != IGNORED).any(dim=0).nonzero().flatten()
