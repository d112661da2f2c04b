"""`gsm8k`: grade school word problems with their written solutions (Cobbe et al. 2021, arXiv 2110.14168).

7,473 train and 1,319 test questions from local files or the hub; validation is cut from train by a fixed seed. The
teacher's solution is the data set's own, lines of text that end `#### n`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from synth_scaling.grading.answers import without_annotations
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.jsonl import text_at
from synth_scaling.tasks.options import check_common
from synth_scaling.tasks.questions import Question, QuestionTask, Wording, distinct, shuffled
from synth_scaling.tasks.sources import Row, Source
from synth_scaling.tasks.steps import lines

DOWNLOAD = "https://github.com/openai/grade-school-math/tree/master/grade_school_math/data"


@dataclass
class GSM8KOptions:
    path: str | None = None  # a folder with train and test as .jsonl, .jsonl.gz or .parquet
    hub: str | None = None  # instead of path: openai/gsm8k, loaded by `datasets`
    revision: str | None = "e53f048856ff4f594e959d75785d2c2d37b678ee"  # of openai/gsm8k
    subsets: list[str] = field(default_factory=lambda: ["main"])  # the hub's configurations
    train_parts: list[str] = field(default_factory=lambda: ["train"])  # files below path, or the hub's splits
    test_parts: list[str] = field(default_factory=lambda: ["test"])
    annotations: bool = False  # keep the calculator's, as in 48/2 = <<48/2=24>>24
    n_validation: int = 500  # cut from train
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # seconds a response may take to grade
    max_prompt_tokens: int = 512
    max_response_tokens: int = 320
    world_seed: int = 0  # draws the validation problems
    name: str = "gsm8k"


class GSM8K(QuestionTask):
    """Attributes: `repeated`, how many train questions were left out because train or test has them already."""

    def __init__(self, options: GSM8KOptions) -> None:
        self.options = o = options
        check_common(o)
        source = Source("gsm8k", o.path, o.hub, o.revision, o.subsets, DOWNLOAD)
        seen: set[str] = set()
        test = distinct(_questions(source.rows(o.test_parts), o.annotations), seen)
        all_train = _questions(source.rows(o.train_parts), o.annotations)
        train, validation = held_back(distinct(all_train, seen), o.n_validation, o.world_seed)
        self.repeated = len(all_train) - len(train) - len(validation)
        super().__init__(
            o.name,
            Wording("number", lines, o.last_number, o.grading_bound),
            {"test": test, "validation": validation},
            shuffled(train),
            o.max_prompt_tokens,
            o.max_response_tokens,
        )


def held_back(train: list[Question], n: int, seed: int) -> tuple[list[Question], list[Question]]:
    """`train` without `n` questions drawn by `seed`, and these. Raises ValueError if that leaves none."""
    if n >= len(train):
        raise ValueError(f"task.n_validation={n}: allowed are 0 to {len(train) - 1}, fewer than the train questions")
    drawn = set(np.random.default_rng([seed, 2]).permutation(len(train))[:n].tolist())
    return [q for i, q in enumerate(train) if i not in drawn], [train[i] for i in sorted(drawn)]


def _questions(rows: Iterable[Row], annotations: bool) -> list[Question]:
    return [_question(row, annotations) for row in rows]


def _question(row: Row, annotations: bool) -> Question:
    text, solution = text_at(*row, "question").strip(), text_at(*row, "answer").strip()
    gold = rational(solution.rpartition("####")[2]) if "####" in solution else None
    if gold is None:
        raise ValueError(f"{row[0]}:{row[1]}: answer: does not end with #### and a number: {solution[-60:]!r}")
    shown = solution if annotations else without_annotations(solution)
    return Question(text, canonical(gold), shown, max(1, len(lines(solution)) - 1))
