"""FLOPs of a decoder: 6 per parameter and token to train, 2 to sample (Kaplan et al. 2020, arXiv 2001.08361, 2.1).

P counts the parameters in a matrix product for every token: all but the input embedding.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open


def matmul_parameters(checkpoint: Path) -> int:
    """P of the checkpoint in folder `checkpoint` (safetensors); a tied embedding counts once, as the output layer.

    Raises ValueError if the folder has no safetensors file.
    """
    shapes: dict[str, int] = {}
    for file in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(file, framework="np") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (not a mapping)
                size = 1
                for extent in tensors.get_slice(name).get_shape():
                    size *= extent
                shapes[name] = size
    if not shapes:
        raise ValueError(f"no safetensors file in {checkpoint}")
    tied = json.loads((checkpoint / "config.json").read_text()).get("tie_word_embeddings", False)
    embedding = 0 if tied else sum(size for name, size in shapes.items() if "embed_tokens" in name)
    return sum(shapes.values()) - embedding


def training_flops(parameters: int, tokens: int, reference_tokens: int = 0, frozen: bool = False) -> float:
    """FLOPs of forward and backward passes over `tokens`, and of a frozen reference's forward passes.

    With `frozen` weights (LoRA) the backward pass computes no gradients of them: 4 per parameter and token. The
    adapter's FLOPs, one or two percent, are left out.
    """
    return (4.0 if frozen else 6.0) * parameters * tokens + 2.0 * parameters * reference_tokens


def sampling_flops(parameters: int, prompt_tokens: int, sampled_tokens: int) -> float:
    """FLOPs of one forward pass per prompt token and per sampled token (keys and values are cached)."""
    return 2.0 * parameters * (prompt_tokens + sampled_tokens)
