"""Step values: searches that choose which prefixes to sample, and estimates from the samples. Pure functions."""

from synth_scaling.credit.adaptive import Adaptive
from synth_scaling.credit.bisection import Bisection
from synth_scaling.credit.evidence import Draw, Search, asked_prefixes, completed, from_rollouts, learned
from synth_scaling.credit.exact import Exact
from synth_scaling.credit.exhaustive import Exhaustive
from synth_scaling.credit.values import (
    PitRule,
    Prefix,
    advantages,
    best_of,
    first_error,
    initial_values,
    located_values,
    mean_values,
    response_values,
    spurious_steps,
)

__all__ = [
    "Adaptive",
    "Bisection",
    "Draw",
    "Exact",
    "Exhaustive",
    "PitRule",
    "Prefix",
    "Search",
    "advantages",
    "asked_prefixes",
    "best_of",
    "completed",
    "first_error",
    "from_rollouts",
    "initial_values",
    "learned",
    "located_values",
    "mean_values",
    "response_values",
    "spurious_steps",
]
