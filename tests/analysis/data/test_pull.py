"""Rows of the maze study through W&B: tracked offline, put in the shape of W&B's public API, pulled.

W&B's server cannot run here. In its place stands one that answers the queries of `wandb.Api` from what the offline runs
recorded, so that W&B's own client is what reads it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from wandb.apis.public.runs import Run

from analysis.__main__ import main
from analysis.data.results import load
from analysis.data.wandb_rows import Record, fetch, parse, write
from analysis.errors import InputError
from synth_scaling.tracking.wandb_service import close_service
from tests.support.wandb_runs import MAZE, Offline, offline, tracked
from tests.support.wandb_server import serving


@dataclass(frozen=True)
class Tracked:
    """A row with its answers, and the offline run that tracked them."""

    row: dict[str, Any]
    answers: pd.DataFrame
    run: Offline

    @property
    def node(self) -> dict[str, Any]:
        """The run as the server answers: configuration and summary are JSON texts, a configuration's values wrapped."""
        config = {key: {"desc": None, "value": value} for key, value in self.run.config.items()}
        (code,) = self.run.exit_codes
        return {
            "id": "storage-id",
            "name": self.run.run.run_id,
            "displayName": self.run.run.display_name,
            "state": "finished" if code == 0 else "failed",
            "group": self.run.run.run_group,
            "jobType": self.run.run.job_type,
            "config": json.dumps(config),
            "summaryMetrics": json.dumps(self.run.summary),
            "systemMetrics": "{}",
        }

    @property
    def record(self) -> Record:
        """The run as `wandb.Api().runs(…)` gives it, by wandb's own class."""
        node = self.node
        run = Run(None, "entity", "project", node["name"], node, lazy=False)
        path = dict(run.summary_metrics)["correct"]["path"]
        return Record(run.id, run.state, run.config, run.summary_metrics, (self.run.files / path).read_text())


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Tracked]:
    """Two rows of the maze study, the second with initial pass rates and samples, as runs of today's code."""
    stored, result = pd.read_parquet(MAZE / "correct.parquet"), []
    rows = [json.loads(line) for line in (MAZE / "rows.jsonl").read_text().splitlines()]
    plain = [row for row in rows if row["label"] == row["method"] and row["figure"] == "size"]
    for index, row in enumerate((plain[0], plain[-1])):
        answers = stored[stored["run"] == row["run"]].drop(columns="run")
        if index:
            answers["pass_rate"] = [place % 5 / 4 for place in range(len(answers))]
            answers["samples_correct"] = [place % 5 for place in range(len(answers))]
            answers["samples"] = 4
            row["sampled_error"] = 1 - float(answers["samples_correct"].mean()) / 4
        folder = tmp_path_factory.mktemp("tracked")
        row |= {"spurious_share": None, "credit": {"pits": [[1, 2]], "true_pits": []}}
        result.append(Tracked(tracked(row, answers, folder), answers, offline(folder)))
    return result


@dataclass
class Server:
    """A stand-in for W&B's: `runs` are what it has, `asked` the variables of the queries for runs."""

    runs: list[Tracked]
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "query Runs(" in query:
            self.asked.append(variables)
            nodes = [run.node for run in self.runs]
            return {"project": {"internalId": "1", "runCount": len(nodes), "runs": _connection(nodes)}}
        if "query RunFiles(" in query:
            (name,) = variables["fileNames"]
            (run,) = (run for run in self.runs if run.run.run.run_id == variables["name"])
            size = (run.run.files / name).stat().st_size
            url = f"{self.url}/{variables['name']}/{name}"
            node = {"id": "file", "name": name, "url": url, "directUrl": url, "sizeBytes": str(size)}
            return {"project": {"internalId": "1", "run": {"fileCount": 1, "files": _connection([node])}}}
        return {"viewer": {"id": "u", "entity": "e", "username": "u", "flags": "{}", "teams": {"edges": []}}}

    def file(self, path: str) -> bytes:
        _, run, name = path.split("/", 2)
        (result,) = (one for one in self.runs if one.run.run.run_id == run)
        return (result.run.files / name).read_bytes()


def _connection(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    edges = [{"cursor": str(index), "node": node} for index, node in enumerate(nodes)]
    return {"edges": edges, "pageInfo": {"endCursor": str(len(nodes)), "hasNextPage": False}}


@pytest.fixture
def server(runs, tmp_path, monkeypatch) -> Iterator[Server]:
    """The stand-in, listening, with W&B's settings pointed at it."""
    served = Server(list(runs))

    with serving(served.answer, served.file) as url:
        served.url = url
        for name, value in {"BASE_URL": url, "API_KEY": "0" * 40, "DIR": str(tmp_path)}.items():
            monkeypatch.setenv(f"WANDB_{name}", value)
        close_service()  # its service has read its settings
        yield served
        close_service()


def test_a_row_is_restored_as_it_was_written(runs, tmp_path):
    assert write([run.record for run in runs], tmp_path) == 2
    rows = {row["run"]: row for row in map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())}
    assert rows == {run.row["run"]: run.row for run in runs}
    results = load(tmp_path)
    for run in runs:
        expected = run.answers.set_index("problem")["correct"].sort_index()
        assert list(results.correct[run.row["run"]]) == list(expected)
    measured = runs[1].answers.set_index("problem")["pass_rate"].sort_index()
    assert list(results.pass_rate) == [runs[1].row["run"]]
    assert list(results.pass_rate[runs[1].row["run"]]) == list(measured)
    samples = results.samples[runs[1].row["run"]]
    assert list(results.samples) == [runs[1].row["run"]] and samples.each == 4
    assert list(samples.correct) == list(4 * measured)


def test_the_answers_after_each_round_are_restored(runs, tmp_path_factory, tmp_path):
    """They are lists in the table, as in correct.parquet."""
    before, folder = runs[1].answers, tmp_path_factory.mktemp("rounds")
    answers = before.assign(
        rounds_correct=[[int(not correct), int(correct)] for correct in before["correct"]],
        rounds_samples_correct=[[4 - n, n] for n in before["samples_correct"]],
    )
    wrong = runs[1].row["wrong"]
    rounds = [{"round": 1, "wrong": len(answers) - wrong}, {"round": 2, "wrong": wrong}]
    run = Tracked(tracked(runs[1].row | {"rounds": rounds}, answers, folder), answers, offline(folder))
    assert write([run.record], tmp_path) == 1
    restored, ordered = load(tmp_path).rounds[run.row["run"]], answers.sort_values("problem")
    assert restored.correct.tolist() == np.stack(ordered["rounds_correct"]).T.tolist()
    assert restored.samples_correct.tolist() == np.stack(ordered["rounds_samples_correct"]).T.tolist()


def test_a_run_of_two_sweeps_is_pulled_one_sweep_at_a_time(runs, tmp_path):
    first, *_ = records = [run.record for run in runs]
    again = replace(first, id="0" * 16, summary=dict(first.summary) | {"sweep": "another"})
    with pytest.raises(
        InputError, match=f"W&B run {again.id}: run {first.summary['run']} is in maze and another: name"
    ):
        write([*records, again], tmp_path)
    assert write([again], tmp_path) == 1 and load(tmp_path).rows["sweep"][0] == "another"


def test_wandbs_own_client_gives_the_same_records(server, runs):
    assert fetch("entity/project") == [run.record for run in runs]
    assert fetch("entity/project", "maze") == [run.record for run in runs]
    filters = [json.loads(asked["filters"]) for asked in server.asked]
    assert filters == [{"jobType": "run"}, {"jobType": "run", "group": "maze"}]
    assert {(asked["entity"], asked["project"]) for asked in server.asked} == {("entity", "project")}


def test_pull_writes_finished_runs_and_counts_the_others(server, runs, tmp_path, capsys):
    server.runs[1] = replace(runs[1], run=replace(runs[1].run, exit_codes=[1]))
    assert main(["pull", "entity/project", "--group", "maze", "--out", str(tmp_path / "rows")]) == 0
    output = capsys.readouterr()
    assert output.out == f"1 rows written to {tmp_path / 'rows'}\n1 unfinished runs left out (1 failed)\n"
    assert output.err == ""
    assert list(load(tmp_path / "rows").rows["run"]) == [runs[0].row["run"]]


def test_a_project_without_finished_runs(server, tmp_path, capsys):
    server.runs.clear()
    assert main(["pull", "entity/project", "--out", str(tmp_path / "rows")]) == 2
    assert capsys.readouterr().err == "analysis: no finished runs of job type 'run' in that project and group\n"
    assert not (tmp_path / "rows").exists()


def test_whole_numbers_that_the_api_gives_as_floats_are_integers_again(runs):
    record = runs[0].record
    row, _ = parse(replace(record, summary=record.summary | {"seed": 0.0, "wrong": float(runs[0].row["wrong"])}))
    assert row == runs[0].row and type(row["seed"]) is type(row["wrong"]) is int


def _without(key: str) -> Any:
    return lambda record: replace(record, summary={k: v for k, v in record.summary.items() if k != key})


def _with(**fields: Any) -> Any:
    return lambda record: replace(record, summary=record.summary | fields)


def _table(columns: list[str], *lines: list[Any]) -> Any:
    return lambda record: replace(record, table=json.dumps({"columns": columns, "data": list(lines)}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without("label"), "the field 'label' is missing"),
        (_with(label=None), "the field 'label' should be str, found None"),
        (_with(seed=True), "the field 'seed' should be int, found True"),
        (_with(wrong=1.5), "the field 'wrong' should be int, found 1.5"),
        (_with(wrong="NaN"), "the field 'wrong' should be int, found 'NaN'"),
        (_with(problems=0), "the field 'problems' should be at least 1, found 0"),
        (_with(run="../another"), "the field 'run' should be a hash, found '../another'"),
        (_with(tested=999), "the row counts 135 of 999 incorrect"),
        (lambda record: replace(record, table=None), "the table 'correct' is missing"),
        (lambda record: replace(record, table="{"), "the table 'correct' cannot be read"),
        (_table(["problem"], ["test/0"]), "the table 'correct' should have the columns problem, correct"),
        (_table(["problem", "correct"]), "the row counts 135 of 1000 incorrect, correct.parquet 0 of 0"),
        (_table(["problem", "correct"], ["test/0", 0.5]), "the table 'correct' cannot be read"),
        (_table(["problem", "correct"], ["test/0"]), "the table 'correct' cannot be read"),
    ],
)
def test_a_bad_run_is_named(runs, tmp_path, harm, message):
    record = replace(runs[0].record, summary=dict(runs[0].record.summary) | {"wrong": 135})
    with pytest.raises(InputError) as error:
        write([harm(record)], tmp_path / "rows")
    assert record.id in str(error.value) and message in str(error.value)
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize(
    ("project", "settings", "message"),
    [
        ("entity/project", {}, "W&B, entity/project: No API key configured"),
        ("entity/project", {"WANDB_API_KEY": "short"}, "W&B, entity/project: WANDB_API_KEY invalid"),
        (
            "entity/project",
            {"WANDB_API_KEY": "0" * 40, "WANDB_HTTP_TIMEOUT": "2"},
            "W&B, entity/project: Failed to verify credentials with http://127.0.0.1:9",
        ),
        ("project", {}, "'project' is no W&B project: expected ENTITY/PROJECT"),
    ],
)
def test_no_key_no_network_no_project(tmp_path, project, settings, message):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    settings = clean | {"HOME": str(tmp_path), "WANDB_BASE_URL": "http://127.0.0.1:9"} | settings  # nothing listens
    command = [sys.executable, "-m", "analysis", "pull", project, "--out", str(tmp_path / "rows")]
    done = subprocess.run(command, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"analysis: {message}") and done.stderr.count("\n") == 1
    assert not (tmp_path / "rows").exists()
