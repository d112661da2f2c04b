"""What a method is: a pure function from graded responses (and values) to training rows, and a few words.

No method samples, trains, or knows of torch. The `*Options` dataclass beside each function is its conf/method/*.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from synth_scaling.core.records import NLLRow, PreferenceRow, PrefixValue, Response, ResponseValues
from synth_scaling.credit import Prefix

Start = Literal["base", "pi_sft"]


@dataclass
class MethodOptions:
    """What every method has: where training starts, and for how long and how fast it goes."""

    name: str
    start: str = "base"  # "base" or "pi_sft": the checkpoint that training starts from
    epochs: float = 10  # [passes over the rows] of the training
    learning_rate: float = 5e-4  # peak of the schedule


@dataclass
class PreferenceOptions(MethodOptions):
    """What every preference method has. The reference of DPO is the checkpoint that training starts from."""

    beta: float = 0.5  # strength of DPO's implicit KL penalty (arXiv 2305.18290)
    nll: float = 0.0  # weight of an NLL term on the chosen side (RPO, arXiv 2404.19733)


@dataclass(frozen=True)
class Graded:
    """What a method may draw from. Tables are lists; `ends`, `values` belong to the table of the same name."""

    prompts: Mapping[str, tuple[int, ...]]  # token ids a problem id
    demonstrations: Sequence[Response]  # D_syn: the teacher's
    positives: Sequence[Response] = ()  # distinct and correct, from pi_sft
    negatives: Sequence[Response] = ()  # distinct and incorrect, from pi_sft
    positive_values: Sequence[ResponseValues] = ()
    negative_values: Sequence[ResponseValues] = ()
    prefix_values: Mapping[Prefix, PrefixValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A row of METHODS."""

    build: Callable[[Graded, Any, np.random.Generator], list[NLLRow] | list[PreferenceRow]]
    options: type[MethodOptions]
    objective: Literal["nll", "preference"]
    uses: frozenset[str] = frozenset()  # of "positives", "negatives", "positive_values", "negative_values"


def nll_row(graded: Graded, response: Response, weights: Sequence[float] | None = None) -> NLLRow:
    """The whole response after its problem's prompt."""
    prompt = graded.prompts[response.problem]
    return NLLRow(prompt, response.tokens, response.finished, None if weights is None else tuple(weights))


def by_problem(responses: Sequence[Response]) -> dict[str, list[Response]]:
    groups: dict[str, list[Response]] = {}
    for response in responses:
        groups.setdefault(response.problem, []).append(response)
    return groups


_METHOD_CHOICES = {
    "start": ("base", "pi_sft"),
    "pairing": ("random", "nearest", "farthest"),
    "pit": ("lowest", "first_zero"),
    "rejected": ("step", "rest"),
    "chosen": ("prefix", "response"),
    "drop": ("responses", "tokens"),
    "weight": ("exp", "positive"),
}
