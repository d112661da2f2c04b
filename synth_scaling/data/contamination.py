"""Overlap of training questions with a test set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

N = 13


@dataclass(frozen=True)
class Overlap:
    """Problem `index` shares the words `shared` with test problem `test`."""

    index: int
    test: int
    shared: str


@dataclass(frozen=True)
class Contamination:
    """The overlaps among `checked` problems: `clean` are the indices of those without any overlap, in order."""

    checked: int
    overlaps: list[Overlap]  # the first one per problem
    clean: list[int]

    def summary(self) -> str:
        share = len(self.overlaps) / self.checked if self.checked else 0.0
        return f"{len(self.overlaps)} of {self.checked} problems ({100 * share:.2f} %) overlap with the test set"


class TestSet:
    """The word runs of a test set, to check problems against one at a time."""

    __test__ = False  # not a test class for pytest

    def __init__(self, tests: Iterable[str], n: int = N) -> None:
        """Raises ValueError if `n` is below 1."""
        if n < 1:
            raise ValueError(f"n={n}: allowed are values of at least 1")
        self.n = n
        self._runs: dict[tuple[str, ...], int] = {}
        for index, text in enumerate(tests):
            for run in _runs(words(text), n):
                self._runs.setdefault(run, index)

    def overlap(self, text: str, index: int = 0) -> Overlap | None:
        """The first run that `text` shares with a test problem; None if there is none."""
        for run in _runs(words(text), self.n):
            if run in self._runs:
                return Overlap(index, self._runs[run], " ".join(run))
        return None

    def check(self, problems: Sequence[str]) -> Contamination:
        """Every problem against the test set."""
        overlaps = [self.overlap(text, index) for index, text in enumerate(problems)]
        clean = [index for index, overlap in enumerate(overlaps) if overlap is None]
        return Contamination(len(problems), [overlap for overlap in overlaps if overlap], clean)


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower())


def _runs(of: list[str], n: int) -> Iterator[tuple[str, ...]]:
    """Every `n` consecutive words, or all of them where there are fewer."""
    if of:
        for start in range(max(1, len(of) - n + 1)):
            yield tuple(of[start : start + n])
