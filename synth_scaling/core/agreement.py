"""Agreement of sampler and trainer: the log-probabilities that both give to tokens which the sampler drew."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Differences of log p_sampler and log p_trainer, in nats, over `tokens` tokens that the sampler drew."""

    mean: float  # mean of the absolute difference
    largest: float  # its maximum
    kl: float  # estimate of KL(sampler || trainer) per token
    tokens: int


def agreement(sampler: Sequence[float], trainer: Sequence[float]) -> Agreement:
    """The agreement of two lists of log-probabilities of the same tokens. Raises ValueError if there are none.

    The KL divergence is the mean of exp(d) - 1 - d with d = log p_trainer - log p_sampler, which is never negative and
    has the expectation of -d (Schulman 2020, "Approximating KL divergence", k3).
    """
    d = np.asarray(trainer, dtype=float) - np.asarray(sampler, dtype=float)
    if not len(d):
        raise ValueError("nothing was sampled")
    gap = np.abs(d)
    return Agreement(float(gap.mean()), float(gap.max()), float((np.expm1(d) - d).mean()), len(d))


class SamplerDisagrees(ValueError):
    """Sampler and trainer differ by more than a method with ratios allows."""


def default_bound(dtypes: Collection[str]) -> float:
    """Nats of a token's mean difference: far above the rounding of engine and trainer, below what mismatches give.

    Measured: 5e-6 at most in float32, 0.044 in bfloat16; docs/explanation/method.md has the table.
    """
    return 0.01 if set(dtypes) == {"float32"} else 0.1


def check_agreement(policy: str, of: Agreement, method: str, bound: float) -> None:
    """Refuse a policy whose sampler and trainer differ by more than `bound` on average. Raises SamplerDisagrees."""
    if not of.mean <= bound:
        raise SamplerDisagrees(
            f"certificate.bound={bound:g}: sampler and trainer of {policy} differ by {of.mean:.3g} nats a token on "
            f"average (at most {of.largest:.3g}), and method={method} weighs tokens by ratios of the two"
        )
