"""The note on the agreement of sampler and trainer, and rows that have none."""

from __future__ import annotations

from analysis.report.tables import as_json, error_table
from analysis.study.agreement import agreement_note, agreement_summary
from analysis.study.study import examine
from tests.support.made_rows import point, results_of

NOTE = (
    "Sampler and trainer differ by at most 0.004 nats a token on average (0.5 at one token, KL 2e-05), "
    "over 3 policies of 2 runs."
)


def of(mean: float, largest: float, kl: float) -> dict[str, float]:
    return {"mean": mean, "largest": largest, "kl": kl, "tokens": 100}


def test_the_largest_differences_are_named_and_rows_without_certificates_are_read() -> None:
    points = [
        point("sft", 50, 0.6, seeds=1, certificate={"policy": of(0.001, 0.5, 1e-5)}),
        point("dpo", 50, 0.5, seeds=1, certificate={"pi_sft": of(0.004, 0.25, 0.0), "policy": of(0.0, 0.0, 2e-5)}),
        point("rft", 50, 0.5, seeds=1, certificate={}),
        point("sft", 100, 0.4, seeds=2),  # rows of earlier versions
    ]
    study = examine(results_of(points, tested=200), "sft", 50)
    assert agreement_note(study.results) == [NOTE] and error_table(study).caption == NOTE
    summary = {"mean": 0.004, "largest": 0.5, "kl": 2e-5, "policies": 3, "runs": 2}
    assert agreement_summary(study.results) == as_json(study)["certificate"] == summary


def test_a_study_without_certificates_has_no_note() -> None:
    study = examine(results_of([point("sft", n, 0.3, seeds=2) for n in (50, 100, 200)], tested=200), "sft", 50)
    assert agreement_note(study.results) == [] and "certificate" not in as_json(study)
