"""The data of several rounds as one (`rounds.keep=all`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit import Prefix
from synth_scaling.methods import Graded


def pooled(rounds: Sequence[Graded]) -> Graded:
    """The data of all rounds, oldest first: demonstrations of one, self-generated responses of all.

    A response that was sampled in several rounds is kept once, with the values and log-probabilities of its newest
    round. A prefix that was valued in several has its newest value, and the correct completions of all. A problem's
    pass rate is the mean over the rounds, which have equally many samples.
    """
    if len(rounds) == 1:
        return rounds[0]
    positives = _distinct([_Sampled(g.positives, g.positive_values, g.positive_logprobs) for g in rounds])
    negatives = _distinct([_Sampled(g.negatives, g.negative_values, g.negative_logprobs) for g in rounds])
    return replace(
        rounds[-1],
        positives=positives.responses,
        negatives=negatives.responses,
        positive_values=positives.values,
        negative_values=negatives.values,
        positive_logprobs=positives.logprobs,
        negative_logprobs=negatives.logprobs,
        prefix_values=_prefix_values([g.prefix_values for g in rounds]),
        pass_rates={p: sum(g.pass_rates[p] for g in rounds) / len(rounds) for p in rounds[-1].pass_rates},
    )


@dataclass(frozen=True)
class _Sampled:
    """Responses, and their step values and log-probabilities, each empty where the method does not use them."""

    responses: Sequence[Response] = field(default_factory=list)
    values: Sequence[ResponseValues] = field(default_factory=list)
    logprobs: Sequence[tuple[float, ...]] = field(default_factory=list)


def _distinct(rounds: Sequence[_Sampled]) -> _Sampled:
    """The responses of all rounds in order, without those that a later round has as well."""
    last = {(y.problem, y.tokens, y.finished): number for number, of in enumerate(rounds) for y in of.responses}
    responses: list[Response] = []
    values: list[ResponseValues] = []
    logprobs: list[tuple[float, ...]] = []
    for number, of in enumerate(rounds):
        for i, y in enumerate(of.responses):
            if last[y.problem, y.tokens, y.finished] == number:
                values += [replace(row, response=len(responses)) for row in of.values[i : i + 1]]
                logprobs += of.logprobs[i : i + 1]
                responses.append(y)
    return _Sampled(responses, values, logprobs)


def _prefix_values(rounds: Sequence[Mapping[Prefix, PrefixValue]]) -> dict[Prefix, PrefixValue]:
    """The newest value of each prefix, with the distinct correct completions of all rounds."""
    values: dict[Prefix, PrefixValue] = {}
    for of in rounds:
        for prefix, value in of.items():
            earlier = values[prefix].correct if prefix in values else ()
            values[prefix] = replace(value, correct=tuple(dict.fromkeys((*earlier, *value.correct))))
    return values
