"""Samples of lm-evaluation-harness compared with our evaluation, problem by problem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from synth_scaling.exporting.lm_eval import IGNORED
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.numbers import rational
from synth_scaling.grading.rewards import grade
from synth_scaling.system.jsonl import read_rows, text_of, value_at

Reason = Literal["agree", "text", "length", "extraction", "comparison", "unexplained"]
# Why the two differ, and what that means.
REASONS: dict[Reason, str] = {
    "text": "the harness generated another text, which our grader grades as the harness does",
    "length": "the response was cut at the length limit, which is incorrect by our rules",
    "extraction": "the two read different answers from the same text",
    "comparison": "the same answer, compared as a number here and as text there",
    "unexplained": "none of these",
}


@dataclass(frozen=True)
class Compared:
    """One problem: our grade of our response, the harness's score of its own, and why they differ."""

    problem: str
    ours: bool
    theirs: bool
    same_text: bool
    read_by_us: str | None  # the answer that our grader reads from the harness's text
    read_by_them: str
    reason: Reason


def compare(path: Path) -> dict[str, list[Compared]]:
    """The problems by filter, from a samples file of the task that `export evaluation` wrote.

    Raises ValueError naming file, line and field.
    """
    by_filter: dict[str, list[tuple[dict[str, Any], str, str, bool]]] = {}
    for number, row in read_rows(path):
        name = text_of(path, number, value_at(path, number, row, "filter"), "filter")
        doc = value_at(path, number, row, "doc")
        for field in ("problem", "answer", "response"):
            text_of(path, number, value_at(path, number, row, f"doc.{field}"), f"doc.{field}")
        text, read = _first(path, number, row, "resps"), _first(path, number, row, "filtered_resps")
        score = value_at(path, number, row, "exact_match")
        if score not in (0, 1):
            raise ValueError(f"{path}:{number}: exact_match: {score!r}: allowed are 0 and 1"[:400])
        by_filter.setdefault(name, []).append((doc, text, read, bool(score)))
    if not by_filter:
        raise ValueError(f"{path}: no samples in it")
    return {name: _compared(samples) for name, samples in by_filter.items()}


def _first(path: Path, number: int, row: dict[str, Any], field: str) -> str:
    """The one text in a field, at whatever depth of lists."""
    value = value_at(path, number, row, field)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return text_of(path, number, value, field)


def _compared(samples: Sequence[tuple[dict[str, Any], str, str, bool]]) -> list[Compared]:
    last_number = any(bool(doc.get("last_number")) for doc, *_ in samples)
    regraded = grade("number", [(doc["answer"], text) for doc, text, _, _ in samples], last_number).rewards
    rows = []
    for (doc, text, read, score), again in zip(samples, regraded, strict=True):
        ours, same = bool(doc["correct"]), text == doc["response"]
        by_us = final_answer(text, last_number)
        rows.append(
            Compared(
                doc["problem"],
                ours,
                score,
                same,
                by_us,
                read,
                _reason(ours, score, same, bool(again), bool(doc.get("finished", True)), by_us, read, doc["answer"]),
            )
        )
    return rows


def _reason(
    ours: bool, score: bool, same: bool, again: bool, finished: bool, by_us: str | None, read: str, gold: str
) -> Reason:
    """Why our grade and the score differ. `again` is our grade of the harness's text, as if it had ended."""
    if ours == score:
        return "agree"
    if again == score:
        if not same:
            return "text"
        return "unexplained" if finished else "length"
    if as_compared(by_us or "") != as_compared(read):
        return "extraction"
    number = None if by_us is None else rational(by_us)
    if number is not None and (number == rational(gold)) and as_compared(read) != as_compared(gold):
        return "comparison"
    return "unexplained"


def as_compared(answer: str) -> str:
    """An answer in the form in which the harness compares it."""
    for ignored in IGNORED:
        answer = re.sub(ignored, "", answer)
    return answer.lower()
