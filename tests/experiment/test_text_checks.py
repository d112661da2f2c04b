"""Problems that a pretrained model cannot be prompted with are refused at launch, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.text_checks import check_texts
from synth_scaling.sweep.compose import runs_of


def teacher(folder: Path, questions: list[str], second: str = "3 + 4 = 7") -> list[str]:
    """The words of a run on a file of these questions, whose answers are all 7; `second` solves the second."""
    solutions = ["3 + 4 = 7", second, *["3 + 4 = 7"] * (len(questions) - 2)]
    rows = [
        {"question": question, "solution": f"{solution}\n#### 7", "answer": "7"}
        for question, solution in zip(questions, solutions, strict=True)
    ]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["task=word_sums", "model=smollm2_135m", "data=jsonl", f"data.path={folder}/t.jsonl", "data.problems=3"]


def test_a_special_token_and_a_long_question_are_refused_by_file_and_line(tmp_path: Path) -> None:
    plain = ["How many are 3 and 4?", "What is the sum of 3 and 4?"]
    for wrong, words in (
        ("How many <|im_end|> are 3 and 4?", "the question contains a special token"),
        ("How many hens " + "and ducks " * 1000 + "are there?", "allowed by the task's longest prompt are"),
    ):
        with pytest.raises(ConfigError, match=rf"t\.jsonl:2: problem teacher/\w+: .*{words}"):
            check_texts(runs_of("config", teacher(tmp_path, [plain[0], wrong, plain[1]])))
    check_texts(runs_of("config", teacher(tmp_path, [*plain, "3 plus 4 is how much?"])))


def test_a_solution_beyond_the_context_is_refused_by_file_and_line(tmp_path: Path) -> None:
    questions = ["How many are 3 and 4?", "What is the sum of 3 and 4?", "3 plus 4 is how much?"]
    words = r"its solution \d{4,}; with an end token they must fit into the model's context of 8192"
    with pytest.raises(ConfigError, match=rf"t\.jsonl:2: problem teacher/\w+: .*{words}"):
        check_texts(runs_of("config", teacher(tmp_path, questions, second="3 + 4 = 7, " * 2000)))
    check_texts(runs_of("config", teacher(tmp_path, questions, second="3 + 4 = 7, " * 20 + "<|im_end|>")))


def test_a_response_that_the_tokenizer_does_not_give_back_is_refused_by_file_and_line(tmp_path: Path) -> None:
    questions = ["How many are 3 and 4?", "What is the sum of 3 and 4?", "3 plus 4 is how much?"]
    words, path = teacher(tmp_path, questions), tmp_path / "r.jsonl"
    for second, refused in (("#### 7", False), ("\ud800", True)):
        rows = [
            {"question": question, "response": text} for question, text in zip(questions, ("7", second), strict=False)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        configs = list(runs_of("config", [*words, f"data.rollouts_path={path}", "method=rft"]))
        if refused:
            with pytest.raises(
                ConfigError, match=r"^data\.rollouts_path=.*r\.jsonl:2: response: the tokenizer does not"
            ):
                check_texts(configs)
        else:
            check_texts(configs)
