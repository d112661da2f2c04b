"""All parts in order, the processes that they share, and the reasons for which a part is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from synth_scaling.certificate.part import OK, Part, Setup

PARTS: dict[str, Part] = {
    "machine": Part("machine", "machine", "describe"),
    "model": Part("model opened", "inputs", "open_model"),
    "train_lora": Part("training, LoRA", "training", "train_lora", after=("model",)),
    "train_full": Part("training, all weights", "training", "train_full", after=("model",)),
    "sample_graphs": Part(
        "vLLM, bfloat16, CUDA graphs",
        *("sampling", "sample_graphs"),
        cuda=True,
        vllm=True,
        after=("model", "train_lora"),
    ),
    "sample_eager": Part(
        "vLLM, bfloat16, no graphs", "sampling", "sample_eager", vllm=True, bfloat16=True, after=("model", "train_lora")
    ),
    "log_probs_bfloat16": Part(
        "log-probabilities, bfloat16", "log_probs", "compare_bfloat16", bfloat16=True, after=("model",)
    ),
    "step_dpo": Part("step_dpo, a whole run", "whole_run", "run_step_dpo", vllm=True, after=("model",)),
    "sample_float32": Part(
        "vLLM, float32, no graphs", "sampling", "sample_float32", vllm=True, after=("model", "train_lora")
    ),
    "train_compiled": Part("training, LoRA, compiled", "training", "train_compiled", cuda=True, after=("model",)),
    "log_probs_float32": Part("log-probabilities, float32", "log_probs", "compare_float32", after=("model",)),
}

# An engine's memory comes back for certain when its process ends, so each has one to itself on a GPU.
PROCESSES = (
    ("machine", "model", "train_lora", "train_full"),
    ("sample_graphs",),
    ("sample_eager",),
    ("log_probs_bfloat16",),
    ("step_dpo",),
    ("sample_float32",),
    ("train_compiled", "log_probs_float32"),
)


def processes_of(setup: Setup, chosen: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of the `chosen` parts, a process each; on a CPU one process, since imports take longer than the parts."""
    if not setup.cuda:
        return [tuple(name for name in PARTS if name in chosen)]
    groups = [tuple(name for name in group if name in chosen) for group in PROCESSES]
    return [group for group in groups if group]


def obstacle(name: str, setup: Setup, statuses: Mapping[str, str], vllm: bool) -> str | None:
    """The reason for which a part cannot run, or None. `statuses` are those of the parts before it."""
    part = PARTS[name]
    if part.cuda and not setup.cuda:
        return "not run on CPU: only a GPU can show it"
    if part.vllm and not vllm:
        return "vLLM is not installed"
    if part.bfloat16 and setup.slow_bfloat16:
        return setup.slow_bfloat16
    for other in part.after:
        if statuses.get(other, OK) != OK:
            return f"needs the part {other}, which did not succeed"
    return None


def has_vllm() -> bool:
    return find_spec("vllm") is not None
