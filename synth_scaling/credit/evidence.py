"""What sampled completions say of the prefixes that they start from, and of those that they pass through.

A completion of y_1..y_i that happens to begin with y_{i+1} was, from there on, sampled after y_1..y_{i+1}: the policy
sees the same tokens. Passing through is decided before the outcome is, so these completions are draws of
V(x, y_1..y_{i+1}) like any other, and may be counted beside those that were asked for. So may the problem's initial
rollouts, which are completions of the empty prefix, but for the response itself: it was chosen because it is wrong.
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
    """A response of which the first `given` tokens were given, and the rest was sampled by the roll-out policy."""

    response: Response
    given: int


class Search(Protocol):
    """A frozen dataclass: how pits or values are found. Its fields are part of the hash of what it finds."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def reuse(self) -> bool:
        """Completions count for every prefix that they pass; the problems' initial rollouts do, too."""
        ...

    def next_draws(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], known: Known
    ) -> dict[Prefix, int]:
        """How many completions of which prefix are wanted next; none when all that is needed is `known`."""
        ...

    def values(
        self, responses: Sequence[Response], ends: Sequence[Sequence[int]], initial: Mapping[str, float], known: Known
    ) -> list[ResponseValues]:
        """Q_0..Q_L of each response from what is `known` in the end, and `initial`, the V(x) of each problem."""
        ...


def asked_prefixes(responses: Sequence[Response], ends: Sequence[Sequence[int]]) -> Asked:
    """Every prefix that ends with a step of one of the responses, but for the last: what there may be values of."""
    found: dict[str, dict[int, set[tuple[int, ...]]]] = {}
    for response, stops in zip(responses, ends, strict=True):
        for stop in stops[:-1]:
            found.setdefault(response.problem, {}).setdefault(stop, set()).add(response.tokens[:stop])
    return {
        problem: {length: frozenset(prefixes) for length, prefixes in by_length.items()}
        for problem, by_length in found.items()
    }


def learned(known: Known, draws: Iterable[Draw], asked: Asked | None = None) -> dict[Prefix, PrefixValue]:
    """`known` with what the `draws` say: of the prefix that each was given, and of the `asked` ones it passes."""
    found: dict[Prefix, list[Draw]] = {}
    for draw in draws:
        problem, tokens = draw.response.problem, draw.response.tokens
        for length in {draw.given, *_passed(draw, asked)}:
            found.setdefault((problem, tokens[:length]), []).append(draw)
    return {**known, **{prefix: _counted(prefix, known.get(prefix), new) for prefix, new in found.items()}}


def _passed(draw: Draw, asked: Asked | None) -> list[int]:
    tokens, lengths = draw.response.tokens, (asked or {}).get(draw.response.problem, {})
    return [n for n, prefixes in lengths.items() if draw.given < n <= len(tokens) and tokens[:n] in prefixes]


def _counted(prefix: Prefix, before: PrefixValue | None, draws: Sequence[Draw]) -> PrefixValue:
    problem, tokens = prefix
    right = [draw.response.tokens[len(tokens) :] for draw in draws if draw.response.reward]
    rollouts, rights, correct = len(draws), len(right), dict.fromkeys(right)
    if before is not None:
        rollouts, rights = rollouts + before.rollouts, rights + right_of(before)
        correct = dict.fromkeys(before.correct) | correct
    return PrefixValue(problem, tokens, rights / rollouts, rollouts, tuple(correct))


def right_of(value: PrefixValue) -> int:
    """How many of its completions were right."""
    return round(value.value * value.rollouts)


def from_rollouts(rollouts: Sequence[Response], asked: Asked) -> dict[Prefix, PrefixValue]:
    """What the initial rollouts say of prefixes of incorrect ones among them.

    Of those that pass a prefix one is left out, a wrong one. For each of the incorrect responses that the prefix is
    of, that is the response itself, the others are independent of it, and the count is the same for all of them. So
    over incorrect responses the estimate is unbiased; over prefixes, each counted once, n rollouts err to the right by
    up to n / (n - 1), since only those with a wrong one are there. Which of a problem's incorrect responses are used
    depends on the others a little, too.
    """
    passing = learned({}, [Draw(response, 0) for response in rollouts], asked)
    return {
        prefix: PrefixValue(*prefix, right_of(value) / (value.rollouts - 1), value.rollouts - 1, value.correct)
        for prefix, value in passing.items()
        if prefix[1] and value.rollouts > 1
    }


def completed(values: Iterable[PrefixValue], first: int) -> list[Response]:
    """The right completions with their prefixes, as responses whose draws are counted from `first`."""
    whole = [(value.problem, value.prefix + tokens) for value in values for tokens in value.correct]
    return [Response(problem, first + i, tokens, True, 1) for i, (problem, tokens) in enumerate(whole)]
