"""Estimates of prefix values from completions that start from a prefix or pass through it.

A completion of y_1..y_i that begins with y_{i+1} is, from there on, a sample after y_1..y_{i+1}: the policy sees the
same tokens. Whether it passes is decided before its outcome, so such completions are unbiased samples of
V(x, y_1..y_{i+1}) and count like those that start there. So do the problem's initial rollouts, which are completions of
the empty prefix, except the response itself: it was selected because it is incorrect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from synth_scaling.core.records import PrefixValue, Response, ResponseValues
from synth_scaling.credit.values import Prefix

Known = Mapping[Prefix, PrefixValue]
Asked = Mapping[str, Mapping[int, frozenset[tuple[int, ...]]]]  # prefixes by problem and length


@dataclass(frozen=True, slots=True)
class Draw:
    """A response whose first `given` tokens are a prefix, and the rest a completion sampled by the roll-out policy."""

    response: Response
    given: int


class Search(Protocol):
    """A search for first errors or step values: a frozen dataclass, whose fields enter the hash of its stage."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def reuse(self) -> bool:
        """Whether completions count for every prefix that they pass through, initial rollouts included."""
        ...

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """Completions to sample next, by prefix; empty if `known` suffices."""
        ...

    def values(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], initial: Mapping[str, float], known: Known
    ) -> list[ResponseValues]:
        """Q_0..Q_L of each response from the final estimates `known` and `initial`, the V(x) of each problem."""
        ...


def asked_prefixes(responses: Sequence[Response], ends: Sequence[Sequence[int]]) -> Asked:
    """The prefixes that end with a step of one of the responses, except its last: those that have a value."""
    asked: dict[str, dict[int, set[tuple[int, ...]]]] = {}
    for response, stops in zip(responses, ends, strict=True):
        for stop in stops[:-1]:
            asked.setdefault(response.problem, {}).setdefault(stop, set()).add(response.tokens[:stop])
    return {
        problem: {length: frozenset(prefixes) for length, prefixes in by_length.items()}
        for problem, by_length in asked.items()
    }


def learned(known: Known, draws: Iterable[Draw], asked: Asked | None = None) -> dict[Prefix, PrefixValue]:
    """`known` updated by `draws`, each of which counts for its prefix and for the `asked` ones it passes through."""
    new: dict[Prefix, list[Draw]] = {}
    for draw in draws:
        problem, tokens = draw.response.problem, draw.response.tokens
        for length in {draw.given, *_passed(draw, asked)}:
            new.setdefault((problem, tokens[:length]), []).append(draw)
    return {**known, **{prefix: _counted(prefix, known.get(prefix), rows) for prefix, rows in new.items()}}


def _passed(draw: Draw, asked: Asked | None) -> list[int]:
    tokens, lengths = draw.response.tokens, (asked or {}).get(draw.response.problem, {})
    return [n for n, prefixes in lengths.items() if draw.given < n <= len(tokens) and tokens[:n] in prefixes]


def _counted(prefix: Prefix, before: PrefixValue | None, draws: Sequence[Draw]) -> PrefixValue:
    problem, tokens = prefix
    correct = [draw.response.tokens[len(tokens) :] for draw in draws if draw.response.reward]
    rollouts, n_correct, distinct = len(draws), len(correct), dict.fromkeys(correct)
    if before is not None:
        rollouts, n_correct = rollouts + before.rollouts, n_correct + correct_of(before)
        distinct = dict.fromkeys(before.correct) | distinct
    return PrefixValue(problem, tokens, n_correct / rollouts, rollouts, tuple(distinct))


def correct_of(value: PrefixValue) -> int:
    """Number of correct completions of a prefix."""
    return round(value.value * value.rollouts)


def from_rollouts(rollouts: Sequence[Response], asked: Asked) -> dict[Prefix, PrefixValue]:
    """Values of the `asked` prefixes, which belong to incorrect responses, from the initial rollouts.

    Of the rollouts that pass through a prefix, one incorrect one is left out: the response itself, for each incorrect
    response with this prefix. The others are independent of it, and their number is the same for all these responses.
    Over incorrect responses the estimate is therefore unbiased. Over distinct prefixes, each counted once, it is too
    large by a factor of up to n / (n - 1) with n rollouts, since a prefix without an incorrect one does not occur. It
    also neglects that the selection of a problem's incorrect responses depends on the others.
    """
    passing = learned({}, [Draw(response, 0) for response in rollouts], asked)
    return {
        prefix: PrefixValue(*prefix, correct_of(value) / (value.rollouts - 1), value.rollouts - 1, value.correct)
        for prefix, value in passing.items()
        if prefix[1] and value.rollouts > 1
    }


def completed(values: Iterable[PrefixValue], first: int) -> list[Response]:
    """The correct completions joined to their prefixes, as responses numbered from `first`."""
    whole = [(value.problem, value.prefix + tokens) for value in values for tokens in value.correct]
    return [Response(problem, first + i, tokens, True, 1) for i, (problem, tokens) in enumerate(whole)]
