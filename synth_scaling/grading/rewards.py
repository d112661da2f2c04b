"""r(x, y): whether a response's final answer is the gold one. One place for every task with answers in words.

Short responses are graded in this process where a scan of the text decides. Longer ones, and LaTeX that is neither the
gold text nor a number, go to the workers.
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
BOUND = 5.0  # seconds of CPU time
SHORT = 50_000  # characters that are scanned in this process; takes milliseconds


@dataclass(frozen=True)
class Grades:
    """Rewards in the order of the responses; `over_bound` of them are incorrect because grading hit the bound."""

    rewards: list[bool]
    over_bound: int = 0


def grade(kind: Kind, pairs: Sequence[tuple[str, str]], last_number: bool = False, bound: float = BOUND) -> Grades:
    """The rewards of (gold answer, response) pairs, each graded within `bound` seconds of CPU time.

    No text raises. WorkerKilled is raised if workers are killed from outside (:func:`.workers.run`).
    """
    rewards = list(each(kind, pairs, last_number, bound))
    return Grades([bool(reward) for reward in rewards], rewards.count(None))


def each(
    kind: Kind, pairs: Sequence[tuple[str, str]], last_number: bool = False, bound: float = BOUND
) -> Iterator[bool | None]:
    """Like :func:`grade`, one reward at a time; None for a response that hit the bound."""
    calls: dict[Call, int] = {}  # each distinct call once: samples of one problem repeat answers
    decided = [_in_this_process(kind, gold, response, last_number, calls) for gold, response in pairs]
    later = workers.run(in_worker, list(calls), bound) if calls else iter(())
    results: list[bool | None] = []
    for reward in decided:
        if isinstance(reward, bool):
            yield reward
            continue
        while len(results) <= calls[reward]:
            results.append(next(later))
        yield results[calls[reward]]


def in_worker(kind: Kind, gold: str, text: str, last_number: bool, extracted: bool) -> bool:
    """The reward, without any bound, of a response or of the LaTeX answer that was `extracted` from one."""
    given = text if extracted else final_answer(text, last_number)
    if given is None:
        return False
    reward = _by_text_or_number(kind, gold, given)
    if reward is None:
        gold, given = latex.tidy(gold), latex.tidy(given)
        reward = same_value(gold, given)
    if reward is None:
        from synth_scaling.grading import algebra  # takes seconds; the workers have it, and no other process should

        reward = algebra.same(gold, given)
    return reward


def _in_this_process(kind: Kind, gold: str, response: str, last_number: bool, calls: dict[Call, int]) -> bool | Call:
    """The reward if it can be decided in this process, else the call of :func:`in_worker` that decides it."""
    if len(response) > SHORT:
        call: Call = (kind, gold, response, last_number, False)
    else:
        given = final_answer(response, last_number)
        reward = False if given is None else _by_text_or_number(kind, gold, given)
        if reward is not None:
            return reward
        call = (kind, gold, given or "", last_number, True)
    calls.setdefault(call, len(calls))
    return call


def _by_text_or_number(kind: Kind, gold: str, given: str) -> bool | None:
    """Whether an answer is correct, or None where algebra has to decide."""
    if kind == "latex":
        return latex.settled(gold, given)
    value = rational(given)
    return value is not None and value == rational(gold)
