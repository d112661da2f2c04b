r"""`math`: competition problems whose solutions box their answer (Hendrycks et al. 2021, arXiv 2103.03874).

Read from local files or the hub; the data set does not come with this package. The usual split of 12,000 train and 500
test problems (MATH-500) is `task.train_parts=[train,test] task.test_parts=[math500]`: train questions that occur in
test are left out.
Known dirt: two train rows with an empty `\boxed{}` have no answer and are left out, two with `Level ?` get level 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial

from synth_scaling.core.hashing import UNKEYED
from synth_scaling.core.validation import at_least
from synth_scaling.grading.answers import boxes
from synth_scaling.system.jsonl import text_at
from synth_scaling.tasks.files import FileTask
from synth_scaling.tasks.questions import Question, Wording
from synth_scaling.tasks.sources import Row
from synth_scaling.tasks.steps import sentences
from synth_scaling.tasks.task import TaskOptions

DOWNLOAD = "https://huggingface.co/datasets/EleutherAI/hendrycks_math (and HuggingFaceH4/MATH-500 for its 500)"
SUBJECTS = (
    *("algebra", "counting_and_probability", "geometry", "intermediate_algebra"),
    *("number_theory", "prealgebra", "precalculus"),
)


@dataclass
class MATHOptions(TaskOptions):
    # folder with train and test as .jsonl, .jsonl.gz or .parquet; the content of the files names a run
    path: str | None = field(default=None, metadata=UNKEYED)
    hub: str | None = None  # instead of path: EleutherAI/hendrycks_math, loaded by `datasets`
    revision: str | None = "21a5633873b6a120296cce3e2df9d5550074f4a3"  # commit of EleutherAI/hendrycks_math
    subsets: list[str] = field(default_factory=lambda: list(SUBJECTS))  # the hub's configurations
    train_parts: list[str] = field(default_factory=lambda: ["train"])  # files below path, or the hub's splits
    test_parts: list[str] = field(default_factory=lambda: ["test"])  # files below path, or the hub's splits
    n_validation: int = 500  # [problems] cut from train for choosing settings
    max_steps: int = 12  # [steps] of a response at most; more are merged
    last_number: bool = False  # a response without a marked answer answers by its last number
    grading_bound: float = 5.0  # [CPU seconds] that grading one response may take; beyond, it counts as incorrect
    max_prompt_tokens: int = 1024  # [tokens] of a prompt at most; longer problems are refused
    max_response_tokens: int = 1024  # [tokens] of a response at most; it is cut there and counts as incorrect
    world_seed: int = 0  # draws the validation problems
    name: str = "math"


class MATH(FileTask):
    def __init__(self, options: MATHOptions) -> None:
        at_least("task.max_steps", options.max_steps, 1)
        steps = partial(sentences, most=options.max_steps)
        wording = Wording("latex", steps, options.last_number, options.grading_bound)
        super().__init__(options, wording, DOWNLOAD, _question)


def _question(row: Row) -> Question | None:
    """None where the solution's last box is empty. Raises ValueError where it has no box at all."""
    text, solution = text_at(*row, "problem").strip(), text_at(*row, "solution").strip()
    boxed = boxes(solution)
    if not boxed:
        raise ValueError(f"{row[0]}:{row[1]}: solution: has no \\boxed{{}} that closes: {solution[-60:]!r}")
    answer = boxed[-1].strip()
    return Question(text, answer, solution, _level(row)) if answer else None


def _level(row: Row) -> int:
    """1 to 5 from `Level 3` or 3; 0 where it is not given, as in `Level ?`."""
    digits = re.search(r"[1-5]", str(row[2].get("level", "")))
    return int(digits[0]) if digits else 0
