"""The W&B report of a study: built and saved by W&B's own packages, through a stand-in for the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from analysis.__main__ import main
from analysis.errors import InputError
from analysis.report.wandb_report import _quoted, check_report, save_report
from analysis.study.study import Study, examine
from synth_scaling.tracking.wandb_service import close_service
from tests.support.made_rows import point, results_of
from tests.support.wandb_server import serving

SIZES = (100, 400, 1600)


@pytest.fixture(scope="module")
def study() -> Study:
    points = [point(label, n, a * n**-0.5) for label, a in (("sft", 3), ("rft", 2.5)) for n in SIZES]
    return examine(results_of(points, tested=400), draws=50)


@pytest.fixture
def asked(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The queries that a stand-in for the server was asked, with the variables."""
    queries: list[tuple[str, dict[str, Any]]] = []

    def answer(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        queries.append((query, variables))
        project = {"id": "p", "name": "project", "entityName": "team", "internalId": "17"}
        if "upsertView" in query:
            view = {
                "id": "Vmlldzox",
                "name": variables["name"],
                "displayName": variables["displayName"],
                "description": variables["description"],
                "project": project,
                "spec": variables["spec"],
                "updatedAt": "2026-11-29T00:00:00Z",
                "type": variables["type"],
            }
            return {"upsertView": {"view": view, "inserted": True}}
        if "models" in query or "projects" in query:
            edge = {"cursor": "0", "node": project | {"createdAt": "2026-11-29", "isBenchmark": False, "user": None}}
            page = {"endCursor": "0", "hasNextPage": False}
            return {"models": {"edges": [edge], "pageInfo": page}, "entity": None}
        return {"viewer": {"id": "u", "entity": "team", "username": "u", "flags": "{}", "teams": {"edges": []}}} | {
            "project": project
        }

    with serving(answer) as url:
        for name, value in {"BASE_URL": url, "API_KEY": "0" * 40, "DIR": str(tmp_path)}.items():
            monkeypatch.setenv(f"WANDB_{name}", value)
        monkeypatch.delenv("WANDB_MODE", raising=False)
        close_service()
        yield queries
        close_service()


def test_the_report_is_saved_with_the_studys_charts_and_the_sweeps_runs(
    study: Study, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    check_report()
    url = save_report(study, "team", "project", "maze", "analysis-1")
    assert "/team/project/reports/" in url and url.endswith("Vmlldzox")
    (saved,) = (variables for query, variables in asked if "upsertView" in query)
    assert (saved["entityName"], saved["projectName"], saved["displayName"]) == (
        "team",
        "project",
        "maze: error against N",
    )
    grids = [block for block in json.loads(saved["spec"])["blocks"] if block["type"] == "panel-grid"]
    panels = [panel for grid in grids for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]]
    lines = [panel["config"] for panel in panels if panel["viewType"] == "Run History Line Plot"]
    assert [line["metrics"] for line in lines] == [
        ["error/rft", "error/sft"],
        ["multiplier/rft"],
        ["result/error"],
        ["policy/logps/chosen"],
        ["policy/logps/rejected"],
        ["policy/logps/margin"],
    ]
    assert [line["xAxis"] for line in lines] == ["problems"] * 2 + ["result/N"] + ["policy/step"] * 3
    text = saved["spec"]
    assert all(name in text for name in ("analysis-1", "points", "fits", "multipliers", "own_responses"))
    assert "sft: error falls as N to the power of" in text


def test_without_a_key_a_report_is_refused_before_anything_is_logged(
    write_run: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, 0.3)
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    assert main(["log", str(tmp_path), "--report"]) == 2
    output = capsys.readouterr()
    assert output.err == (
        "analysis: --report: a report is saved on the server: WANDB_API_KEY is needed, and no WANDB_MODE\n"
    )
    assert output.out == "" and not (tmp_path / "wandb").exists()


def test_a_server_that_is_not_there_is_one_line(study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name, value in {
        "BASE_URL": "http://127.0.0.1:9",  # where nothing listens
        "API_KEY": "0" * 40,
        "HTTP_TIMEOUT": "1",
        "DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    close_service()
    with pytest.raises(InputError, match=r"^W&B refused the report: ") as error:
        save_report(study, "team", "project", "maze", "analysis-1")
    assert "\n" not in str(error.value)
    close_service()


def test_a_groups_name_is_quoted_for_the_filter() -> None:
    assert [_quoted(text) for text in ("maze", "it's")] == ["'maze'", '"it\'s"']
    with pytest.raises(InputError, match="both kinds of quotes"):
        _quoted("'\"")
