"""Overlap of the sources of word problems, by runs of 13 words: the table of docs/reference/grading.md.

    python -m benchmarks.contamination [--data ../shared/data] [--n 13] [--quick]

GSM8K from --data, where it has `gsm8k/train.jsonl.gz` and `test.jsonl.gz`; without it only what needs none is printed.
The train problems are the first of seed 0 with the tasks' default options.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from synth_scaling.data.contamination import N, TestSet
from synth_scaling.system.jsonl import read_rows, text_at
from synth_scaling.tasks.gsm_symbolic import GSMSymbolic, GSMSymbolicOptions
from synth_scaling.tasks.questions import QuestionTask
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions


def gsm8k(file: Path) -> list[str]:
    """The questions of a file."""
    return [text_at(file, number, row, "question") for number, row in read_rows(file)]


def train(task: QuestionTask, n: int) -> list[str]:
    return [problem.prompt for problem in task.problems("train", n, 0)]


def main() -> None:
    """Print a line a pair of sources, and how many drawn solutions the grader did not accept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="default %(default)s")
    parser.add_argument("--n", type=int, default=N, help="words in a row (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the problems")
    options = parser.parse_args()
    share = 10 if options.quick else 1

    def show(problems: str, texts: list[str], against: str, tests: list[str]) -> None:
        print(f"{problems} against {against}: {TestSet(tests, options.n).check(texts).summary()}", flush=True)

    symbolic = GSMSymbolic(GSMSymbolicOptions())
    drawn = train(symbolic, 10_000 // share)
    sums = train(WordSums(WordSumsOptions()), 5_000 // share)
    if (folder := options.data / "gsm8k").is_dir():
        train_set, test_set = (gsm8k(folder / f"{part}.jsonl.gz") for part in ("train", "test"))
        show("GSM8K train", train_set, "GSM8K test", test_set)
        show("gsm_symbolic train", drawn, "GSM8K test", test_set)
        show("gsm_symbolic train", drawn, "GSM8K train", train_set)
        show("word_sums train", sums, "GSM8K test", test_set)
    own_test = [problem.prompt for problem in symbolic.problems("test", None, 0)]
    show("gsm_symbolic train", drawn, "its own test split", own_test)
    print(f"gsm_symbolic: {symbolic.dropped} of {symbolic.drawn} drawn solutions do not come to their answer")


if __name__ == "__main__":
    main()
