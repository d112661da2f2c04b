"""FLOPs of training and sampling a decoder: 6 and 2 a parameter and token (Kaplan et al. 2020, arXiv 2001.08361, 2.1).

P counts the parameters that take part in a matrix product for every token: all but the input embedding.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open


def matmul_parameters(checkpoint: Path) -> int:
    """P of the safetensors checkpoint folder `checkpoint`; a tied embedding counts once, as the output layer."""
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
    """Forward and backward passes over `tokens`, plus forward passes of a frozen reference over `reference_tokens`.

    With `frozen` weights (LoRA) the backward pass goes through them but makes no gradients of them: 4 a parameter and
    token; the adapter's own, a percent or two, are left out.
    """
    return (4.0 if frozen else 6.0) * parameters * tokens + 2.0 * parameters * reference_tokens


def sampling_flops(parameters: int, prompt_tokens: int, sampled_tokens: int) -> float:
    """Forward passes over every prompt token once and every sampled token once (keys and values are cached)."""
    return 2.0 * parameters * (prompt_tokens + sampled_tokens)
