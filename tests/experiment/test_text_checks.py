"""Problems that a pretrained model cannot be prompted with are refused at launch, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.text_checks import check_prompts
from synth_scaling.sweep.compose import runs_of


def teacher(folder: Path, questions: list[str]) -> list[str]:
    """The words of a run on a file of these questions, whose answers are all 7."""
    rows = [{"question": question, "solution": "3 + 4 = 7\n#### 7", "answer": "7"} for question in questions]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["task=word_sums", "model=smollm2_135m", "data=jsonl", f"data.path={folder}/t.jsonl", "data.problems=3"]


def test_a_special_token_and_a_long_question_are_refused_by_file_and_line(tmp_path: Path) -> None:
    plain = ["How many are 3 and 4?", "What is the sum of 3 and 4?"]
    for wrong, words in (
        ("How many <|im_end|> are 3 and 4?", "the question contains a special token"),
        ("How many hens " + "and ducks " * 1000 + "are there?", "allowed by the task's longest prompt are"),
    ):
        with pytest.raises(ConfigError, match=rf"t\.jsonl:2: problem teacher/\w+: .*{words}"):
            check_prompts(runs_of("config", teacher(tmp_path, [plain[0], wrong, plain[1]])))
    check_prompts(runs_of("config", teacher(tmp_path, [*plain, "3 plus 4 is how much?"])))
