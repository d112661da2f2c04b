"""The loss of one token in the objective `policy`, as parameters: its torch function is in synth_scaling.training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PolicyLossKind = Literal["reinforce", "topr", "nft", "clipped", "unlikelihood"]


@dataclass(frozen=True)
class PolicyLoss:
    """With c the coefficient of a token, pi its probability, and ratio = pi / mu, mu the policy that sampled it:

    reinforce      -c log pi
    topr           the same for c > 0; for c < 0 times the ratio truncated to [0, 1], without its gradient
    nft            -c log ratio for c > 0; for c < 0 -|c| log max((1 - r ratio) / (1 - r), floor), r the pass rate
    clipped        -min(c ratio, c clip(ratio, 1 - clip, 1 + clip))
    unlikelihood   -c log pi for c > 0; for c < 0 -|c| log max(1 - pi, floor)

    A row without reference log-probabilities has -c log pi where a ratio is asked for. Sources: the methods' files.
    """

    kind: PolicyLossKind
    ratio: Literal["token", "response"] = "token"  # topr: the ratio of each token, or of the whole response
    clip: float = 0.2
    floor: float = 1.0
