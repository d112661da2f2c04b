"""Real data: every gold answer of GSM8K, the same plus one, and the published grades of two systems."""

from __future__ import annotations

import pytest

from synth_scaling.grade import main
from synth_scaling.grading.gold import gold_answer
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import grade
from tests.support.shared_data import DATA, needs_shared, rows

pytestmark = needs_shared
SYSTEMS = ("6b_finetuning", "175b_verification")


def test_gold_answers_are_correct_and_perturbed_ones_incorrect() -> None:
    solutions = [row["answer"] for split in ("train", "test") for row in rows(f"gsm8k/{split}.jsonl.gz")]
    golds = [gold_answer("number", solution) for solution in solutions]
    assert len(golds) == 8792
    grades = grade("number", [(gold or "", solution) for gold, solution in zip(golds, solutions, strict=True)])
    assert sum(grades.rewards) == 8792 and grades.over_bound == 0
    wrong = grade("number", [(gold or "", _plus_one(s)) for gold, s in zip(golds, solutions, strict=True)])
    assert sum(wrong.rewards) == 0


def _plus_one(solution: str) -> str:
    head, _, answer = solution.rpartition("####")
    value = rational(answer)
    assert value is not None
    return f"{head}#### {canonical(value + 1)}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_published_grades_are_reproduced(system: str) -> None:
    """Every one of them: there is no disagreement to list in docs/reference/grading.md."""
    answers = rows("outputs/gsm8k_model_solutions.jsonl.gz")
    pairs = [(gold_answer("number", row["ground_truth"]) or "", row[system]["solution"]) for row in answers]
    published = [row[system]["is_correct"] for row in answers]
    assert len(published) == 1319 and sum(published) == {"6b_finetuning": 286, "175b_verification": 742}[system]
    assert grade("number", pairs).rewards == published
    assert grade("latex", pairs).rewards == published


def test_the_command_prints_the_published_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    file = DATA / "outputs" / "gsm8k_model_solutions.jsonl.gz"
    arguments = [
        "task=gsm8k",
        f"input={file}",
        "answer_field=ground_truth",
        "response_field=175b_verification.solution",
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("accuracy 56.25 % (742 of 1319), 95 % Wilson interval 53.56 to 58.91 %")
