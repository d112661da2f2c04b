"""Whether problems to train on repeat test problems: shared runs of 13 words (GPT-3, arXiv 2005.14165, appendix C).

    python -m synth_scaling.contamination input=TRAIN.jsonl test=TEST.jsonl [output=CLEAN.jsonl]
        [field=question] [test_field=question] [n=13]

A problem overlaps if `n` consecutive words of it stand in a test problem; one of fewer words if a test problem is the
same, word for word. Words are runs of letters and digits in lower case: punctuation and signs do not count.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.jsonl import read_rows, text_at, write_rows

N = 13


@dataclass(frozen=True)
class Overlap:
    """Problem `index` shares the words `shared` with test problem `test`."""

    index: int
    test: int
    shared: str


@dataclass(frozen=True)
class Contamination:
    """What a check of `checked` problems found: `clean` are the indices of those without any overlap, in order."""

    checked: int
    overlaps: list[Overlap]  # one a problem, the first
    clean: list[int]

    def summary(self) -> str:
        share = len(self.overlaps) / self.checked if self.checked else 0.0
        return f"{len(self.overlaps)} of {self.checked} problems ({100 * share:.2f} %) overlap with the test set"


class TestSet:
    """The word runs of a test set, to check problems against as they are made."""

    __test__ = False  # no test of pytest's

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
        found = [self.overlap(text, index) for index, text in enumerate(problems)]
        clean = [index for index, overlap in enumerate(found) if overlap is None]
        return Contamination(len(problems), [overlap for overlap in found if overlap], clean)


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower())


def _runs(of: list[str], n: int) -> Iterator[tuple[str, ...]]:
    """Every `n` consecutive words, or all of them where there are fewer."""
    if of:
        for start in range(max(1, len(of) - n + 1)):
            yield tuple(of[start : start + n])


def main(arguments: Sequence[str]) -> int:
    """Print the report, write what is clean, return the exit code: 2, with one line, for unreadable input."""
    options = {"input": "", "test": "", "output": "", "field": "question", "test_field": "", "n": str(N)}
    try:
        for argument in arguments:
            key, sign, value = argument.partition("=")
            if not sign or key not in options:
                raise ValueError(f"{argument}: allowed are {'=, '.join(options)}=")
            options[key] = value
        if not options["input"] or not options["test"]:
            raise ValueError("input= and test= are needed")
        if not options["n"].isdecimal():
            raise ValueError(f"n={options['n']}: allowed are whole numbers of at least 1")
        path, test = Path(options["input"]), Path(options["test"])
        rows = list(read_rows(path))
        tests = [text_at(test, i, row, options["test_field"] or options["field"]) for i, row in read_rows(test)]
        report = TestSet(tests, int(options["n"])).check([text_at(path, i, row, options["field"]) for i, row in rows])
        if options["output"]:
            write_rows(Path(options["output"]), [rows[i][1] for i in report.clean])
    except ValueError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    for overlap in report.overlaps:
        print(f"line {rows[overlap.index][0]} and test line {overlap.test + 1}: {overlap.shared}")
    print(report.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
