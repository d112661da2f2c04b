"""Random draws of numbered completions, whose tokens depend on their seed alone, whatever is sampled beside them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_FACTORS: Final = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def request_seed(seed: int, prompt: Sequence[int]) -> int:
    """The seed of a prompt's completion 0; that of completion i is larger by i. CPU generators use its low 32 bits."""
    digest = hashlib.blake2b(struct.pack(f"<{len(prompt) + 1}q", seed, *prompt), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 2  # room for i below 2^63


def token_seeds(seeds: Sequence[int], length: int) -> npt.NDArray[np.uint64]:
    """(B, length) a seed for each token of B completions, the first ones the same for every `length`."""
    generator = torch.Generator()
    rows = []
    for seed in seeds:
        generator.manual_seed(seed)
        rows.append(torch.randint(0, 2**31, (length,), generator=generator, dtype=torch.long))
    return torch.stack(rows).numpy().astype(np.uint64)


def gumbel(seeds: npt.NDArray[np.uint64], vocabulary: int) -> npt.NDArray[np.float64]:
    """(B, vocabulary) standard Gumbel noise for (B,) seeds; the argmax of logits plus noise is a draw of their softmax.

    The bits are SplitMix64's (Steele, Lea and Flood 2014) of seed and token, as in vLLM's sampler on CPUs, so that both
    engines draw the same tokens from the same logits.
    """
    key = _mix(seeds)[:, None]
    bits = _mix(key + np.arange(1, vocabulary + 1, dtype=np.uint64) * _GAMMA) >> np.uint64(11)
    uniform = (bits.astype(np.float64) + 0.5) * 2.0**-53
    return -np.log(-np.log(uniform))


def _mix(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finalizer; products wrap modulo 2^64."""
    z = (z ^ (z >> np.uint64(30))) * _FACTORS[0]
    z = (z ^ (z >> np.uint64(27))) * _FACTORS[1]
    return z ^ (z >> np.uint64(31))
