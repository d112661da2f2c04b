"""r(x, y): whether a response's final answer is the gold one. One place for every task with answers in words.

Numbers are compared here as long as the text is short, which is a scan of it; longer texts, and LaTeX that is neither
the same text nor a number, go to the workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from synth_scaling.grading import latex, workers
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import rational

Kind = Literal["number", "latex"]
BOUND = 5.0  # seconds
SHORT = 50_000  # characters that are scanned in this process; takes milliseconds


@dataclass(frozen=True)
class Grades:
    """`rewards` in the order of what was graded; `over_bound` of them are wrong because the bound was hit."""

    rewards: list[bool]
    over_bound: int = 0


def grade(kind: Kind, pairs: Sequence[tuple[str, str]], last_number: bool = False, bound: float = BOUND) -> Grades:
    """The rewards of (gold answer, response) pairs. Never raises on any text; each is done within the bound."""
    rewards = list(each(kind, pairs, last_number, bound))
    return Grades([bool(reward) for reward in rewards], rewards.count(None))


def each(
    kind: Kind, pairs: Sequence[tuple[str, str]], last_number: bool = False, bound: float = BOUND
) -> Iterator[bool | None]:
    """Like :func:`grade`, one by one as they are known; None for a response that hit the bound."""
    here = [_quick(kind, gold, response, last_number) if len(response) <= SHORT else None for gold, response in pairs]
    calls = [(kind, *pair, last_number) for pair, known in zip(pairs, here, strict=True) if known is None]
    later = workers.run(reward, calls, bound) if calls else iter(())
    for known in here:
        yield next(later) if known is None else known


def reward(kind: Kind, gold: str, response: str, last_number: bool = False) -> bool:
    """The reward without any bound: for worker processes."""
    known = _quick(kind, gold, response, last_number)
    if known is None:
        given = final_answer(response, last_number)
        known = given is not None and latex.same(gold, given)
    return known


def _quick(kind: Kind, gold: str, response: str, last_number: bool) -> bool | None:
    """The reward, or None where algebra has to tell."""
    given = final_answer(response, last_number)
    if given is None:
        return False
    if kind == "latex":
        return latex.settled(gold, given)
    value = rational(given)
    return value is not None and value == rational(gold)
