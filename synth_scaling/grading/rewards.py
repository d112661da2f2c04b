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
from synth_scaling.grading.formulas import same_value
from synth_scaling.grading.numbers import rational

Kind = Literal["number", "latex"]
Call = tuple[Kind, str, str, bool, bool]  # of in_worker
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
    calls: dict[Call, int] = {}  # each to be made once: samples of one problem repeat their answers
    found = [_here(kind, gold, response, last_number, calls) for gold, response in pairs]
    later = workers.run(in_worker, list(calls), bound) if calls else iter(())
    results: list[bool | None] = []
    for known in found:
        if isinstance(known, bool):
            yield known
            continue
        while len(results) <= calls[known]:
            results.append(next(later))
        yield results[calls[known]]


def in_worker(kind: Kind, gold: str, text: str, last_number: bool, extracted: bool) -> bool:
    """The reward without any bound, of a response, or of the LaTeX answer that was `extracted` from one."""
    given = text if extracted else final_answer(text, last_number)
    if given is None:
        return False
    known = _told(kind, gold, given)
    if known is None:
        gold, given = latex.tidy(gold), latex.tidy(given)
        known = same_value(gold, given)
    if known is None:
        from synth_scaling.grading import algebra  # seconds; the workers have it, and no other process should

        known = algebra.same(gold, given)
    return known


def _here(kind: Kind, gold: str, response: str, last_number: bool, calls: dict[Call, int]) -> bool | Call:
    """The reward if it can be told in this process, else the call of :func:`in_worker` that tells it."""
    if len(response) > SHORT:
        call: Call = (kind, gold, response, last_number, False)
    else:
        given = final_answer(response, last_number)
        known = False if given is None else _told(kind, gold, given)
        if known is not None:
            return known
        call = (kind, gold, given or "", last_number, True)
    calls.setdefault(call, len(calls))
    return call


def _told(kind: Kind, gold: str, given: str) -> bool | None:
    """Whether an answer is right, or None where algebra has to tell."""
    if kind == "latex":
        return latex.settled(gold, given)
    value = rational(given)
    return value is not None and value == rational(gold)
