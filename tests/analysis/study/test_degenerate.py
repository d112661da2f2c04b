"""Notes on runs without a correct response and on runs that were mostly cut, under the table of errors."""

from __future__ import annotations

from analysis.report.tables import as_json, error_table
from analysis.study.degenerate import degenerate_notes
from analysis.study.study import examine
from tests.support.made_rows import point, results_of

NEVER = 1 - 1e-9  # an error rate at which none of 200 responses is correct
NOTHING = "No response is correct: dpo at N = 50 (seed 0); dpo at N = 100 (seeds 0, 1)."
CUT = "More than half of the responses were cut at the length limit: sft at N = 50 (seeds 0, 1)."


def test_runs_without_a_correct_response_and_cut_ones_are_named() -> None:
    points = [
        point("sft", 50, 0.6, seeds=2, unfinished=101),
        point("sft", 100, 0.3, seeds=2, unfinished=100),  # half of them, not more
        point("dpo", 50, NEVER, seeds=1, unfinished=0),
        point("dpo", 50, 0.9, seeds=[1], unfinished=0),
        point("dpo", 100, NEVER, seeds=2, unfinished=0),
        point("dpo", 100, NEVER, seeds=2, unfinished=200, figure="pairing"),
    ]
    study = examine(results_of(points, tested=200), "sft", 50)
    assert degenerate_notes(study.results) == [NOTHING, CUT]
    assert error_table(study).caption == f"Warning: {NOTHING} {CUT}" and as_json(study)["warnings"] == [NOTHING, CUT]


def test_rows_of_earlier_versions_count_what_their_kinds_say() -> None:
    rows = [
        point("sft", 50, 0.8, seeds=1, error_kinds={"unfinished": 0.7, "wrong_answer": 0.3}),
        point("sft", 100, 0.5, seeds=1, error_kinds={"unfinished": 0.9, "wrong_answer": 0.1}),
        point("dpo", 50, 0.5, seeds=1, unfinished=3),
    ]
    (note,) = degenerate_notes(results_of(rows, tested=200))
    assert note.endswith(": sft at N = 50 (seed 0).")


def test_a_study_in_order_has_no_notes() -> None:
    study = examine(results_of([point("sft", n, 0.3, seeds=2) for n in (50, 100, 200)], tested=200), "sft", 50)
    assert degenerate_notes(study.results) == [] and error_table(study).caption is None
    assert "warnings" not in as_json(study)
