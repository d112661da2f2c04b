"""`gsm8k`: grade school word problems with their written solutions (Cobbe et al. 2021, arXiv 2110.14168).

7,473 train and 1,319 test questions from local files or the hub; validation is cut from train by a fixed seed. The
teacher's solution is the data set's: lines of text that end with `#### n`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from synth_scaling.core.hashing import UNKEYED
from synth_scaling.grading.answers import without_annotations
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.system.jsonl import text_at
from synth_scaling.tasks.files import FileTask
from synth_scaling.tasks.questions import Question, Wording
from synth_scaling.tasks.sources import Row
from synth_scaling.tasks.steps import lines
from synth_scaling.tasks.task import TaskOptions

DOWNLOAD = "https://github.com/openai/grade-school-math/tree/master/grade_school_math/data"


@dataclass
class GSM8KOptions(TaskOptions):
    # folder with train and test as .jsonl, .jsonl.gz or .parquet; the content of the files names a run
    path: str | None = field(default=None, metadata=UNKEYED)
    hub: str | None = None  # instead of path: openai/gsm8k, loaded by `datasets`
    revision: str | None = "e53f048856ff4f594e959d75785d2c2d37b678ee"  # commit of openai/gsm8k
    subsets: list[str] = field(default_factory=lambda: ["main"])  # the hub's configurations
    train_parts: list[str] = field(default_factory=lambda: ["train"])  # files below path, or the hub's splits
    test_parts: list[str] = field(default_factory=lambda: ["test"])  # files below path, or the hub's splits
    annotations: bool = False  # keep the calculator's annotations, as in 48/2 = <<48/2=24>>24
    n_validation: int = 500  # [problems] cut from train for choosing settings
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # [CPU seconds] that grading one response may take; beyond, it counts as incorrect
    max_prompt_tokens: int = 512  # [tokens] of a prompt at most; longer problems are refused
    max_response_tokens: int = 320  # [tokens] of a response at most; it is cut there and counts as incorrect
    world_seed: int = 0  # draws the validation problems
    name: str = "gsm8k"


class GSM8K(FileTask):
    def __init__(self, options: GSM8KOptions) -> None:
        wording = Wording("number", lines, options.last_number, options.grading_bound)
        super().__init__(options, wording, DOWNLOAD, partial(_question, annotations=options.annotations))


def _question(row: Row, annotations: bool) -> Question:
    text, solution = text_at(*row, "question").strip(), text_at(*row, "answer").strip()
    gold = rational(solution.rpartition("####")[2]) if "####" in solution else None
    if gold is None:
        raise ValueError(f"{row[0]}:{row[1]}: answer: does not end with #### and a number: {solution[-60:]!r}")
    shown = solution if annotations else without_annotations(solution)
    return Question(text, canonical(gold), shown, max(1, len(lines(solution)) - 1))
