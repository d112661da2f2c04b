"""Gold answers are graded correct, and gold answers that were perturbed in any of 20 ways are not."""

from __future__ import annotations

import pytest

from benchmarks.grading_agreement import FORMULAS, agreement, gsm8k_golds, of_formula, of_number, over_acceptances
from synth_scaling.grading.rewards import in_worker
from tests.support.shared_data import DATA, needs_shared


@needs_shared
def test_no_perturbed_gold_answer_of_gsm8k_is_correct() -> None:
    table = over_acceptances("number", gsm8k_golds(DATA), of_number, "#### {}")
    assert len(table) >= 10 and sum(n for n, _ in table.values()) > 200_000
    assert [answer for _, accepted in table.values() for answer in accepted] == []


def test_no_perturbed_formula_is_correct() -> None:
    table = over_acceptances("latex", list(FORMULAS), of_formula, "\\boxed{{{}}}")
    assert len(table) >= 10 and [answer for _, accepted in table.values() for answer in accepted] == []


@pytest.mark.parametrize("gold", FORMULAS)
def test_each_formula_equals_itself(gold: str) -> None:
    assert in_worker("latex", gold, rf"\boxed{{{gold}}}", False, False)
    assert in_worker("latex", gold, rf"The final answer is ${gold}.$", False, False)


@needs_shared
def test_the_table_of_agreement_has_no_disagreement() -> None:
    lines = list(agreement(DATA))
    assert len(lines) == 6 and all("| 1,319 of 1,319 | none |" in line for line in lines[2:])
