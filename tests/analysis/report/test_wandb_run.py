"""The W&B run of an analysis of the committed maze study, read back from the file of an offline one."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.data.results import collect, load
from analysis.errors import InputError
from analysis.report.wandb_run import log, run_id
from analysis.study.study import examine
from tests.support.made_rows import point, results_of
from tests.support.wandb_runs import MAZE, offline

SIZES = (100, 400, 1600)
LABELS = ("sft", "rft", "step_dpo, no NLL")


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def results():
    """Three labels of the study."""
    stored = load(MAZE)
    return replace(stored, rows=stored.rows[stored.rows["label"].isin(LABELS)].reset_index(drop=True))


@pytest.fixture(scope="module")
def study(results):
    return examine(results, draws=100)


@pytest.fixture(scope="module")
def logged(results, study, tmp_path_factory):
    """The line that was printed, and what the run's file holds."""
    folder = tmp_path_factory.mktemp("logged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        return log(study, folder, "my-project", "maze"), offline(folder)


def test_the_run_is_in_the_sweeps_group_under_the_name_of_its_rows(logged, results):
    line, result = logged
    run = result.run
    assert (run.project, run.run_group, run.job_type) == ("my-project", "maze", "analysis")
    assert run.run_id == run_id(results) and result.exit_codes == [0]
    assert {key: result.config[key] for key in ("baseline", "task", "sweep", "rows")} == {
        "baseline": "sft",
        "task": ["maze"],
        "sweep": ["maze"],
        "rows": len(results.rows),
    }
    folder = result.files.parent
    assert line == f"recorded offline in {folder}, to upload it: wandb sync {folder}"


def test_error_is_charted_against_n(logged, study):
    _, result = logged
    exact = [one for one in study.multipliers if one.bound == "exact"]
    curves = {f"error/{label}" for label in LABELS} | {f"multiplier/{one.label}" for one in exact}
    assert result.axes == dict.fromkeys(curves, "problems") and exact
    charted = {
        (key.removeprefix("multiplier/"), point["problems"]): value
        for point in result.history
        for key, value in point.items()
        if key.startswith("multiplier/")
    }
    assert charted == {(one.label, one.size): one.value for one in exact}
    points = {
        (key.removeprefix("error/"), point["problems"]): value
        for point in result.history
        for key, value in point.items()
        if key.startswith("error/")
    }
    assert points == {key: cell.error for key, cell in study.cells.items()}
    sizes = [point["problems"] for point in result.history if "problems" in point]
    assert sizes == sorted({size for _, size in study.cells})


def test_the_tables_are_those_of_the_study(logged, study):
    _, result = logged
    points, fits, multipliers = (result.table(name) for name in ("points", "fits", "multipliers"))
    assert points["columns"] == ["label", "N", "seeds", "error", "low", "high"]
    assert points["data"] == [
        [*key, len(cell.seeds), cell.error, *study.draws.interval(key)] for key, cell in study.cells.items()
    ]
    laws = {line[0]: dict(zip(fits["columns"], line, strict=True)) for line in fits["data"]}
    assert set(laws) == set(LABELS)
    for label, curve in study.curves.items():
        assert laws[label]["alpha"] == curve.fit.law.exponent and laws[label]["A"] == curve.fit.law.amplitude
        assert (laws[label]["alpha_low"], laws[label]["alpha_high"]) == curve.exponent_interval()
        assert (laws[label]["smallest_N"], laws[label]["largest_N"]) == (curve.fit.smallest, curve.fit.largest)
    lines = [dict(zip(multipliers["columns"], line, strict=True)) for line in multipliers["data"]]
    assert lines == [asdict(one) | {"text": str(one)} for one in study.multipliers] and len(lines) == 8


def test_the_fits_are_in_the_summary(logged, study):
    _, result = logged
    for label, curve in study.curves.items():
        assert result.summary[f"alpha/{label}"] == curve.fit.law.exponent
        assert result.summary[f"alpha_low/{label}"] < result.summary[f"alpha/{label}"]
        assert result.summary[f"alpha/{label}"] < result.summary[f"alpha_high/{label}"]


def test_the_figures_are_images(logged):
    _, result = logged
    images = {key: value for key, value in result.summary.items() if key.startswith("figures/")}
    assert {"figures/error_against_n", "figures/error_against_positives"} <= set(images)
    for image in images.values():
        assert image["_type"] == "image-file" and image["width"] > 500
        assert (result.files / image["path"]).read_bytes().startswith(b"\x89PNG")


def test_a_label_without_a_law_has_a_reason(write_run, tmp_path):
    write_run(tmp_path, 0.3)
    results = load(tmp_path)
    log(examine(results, draws=20), tmp_path, "p", "grid")
    result = offline(tmp_path)
    (line,) = result.table("fits")["data"]
    assert line[0] == "sft" and line[1] is None and "two sizes or more" in line[-1]
    assert "multipliers" not in result.summary and "two sizes or more" in result.summary["no_multipliers"]


def test_the_same_rows_have_the_same_id_in_either_layout(simulated, tmp_path):
    collect([simulated], tmp_path)
    live = load(simulated)
    assert run_id(live) == run_id(load(tmp_path)) == run_id(load(simulated))
    assert run_id(live.select(sweep="grid")) != run_id(live) != run_id(load(MAZE))


def test_a_run_that_fails_is_finished_with_exit_code_1(write_run, tmp_path):
    write_run(tmp_path, 0.3)
    for run in ("a", "b"):  # one point twice: its figure cannot be drawn
        write_run(tmp_path, 0.3, run=run, method="rft", positives=1, figure="positives")
    study = examine(load(tmp_path), draws=20)
    with pytest.raises(InputError, match="runs a and b are both"):
        log(study, tmp_path, "p", "g")
    assert offline(tmp_path).exit_codes == [1]


def test_without_a_network_the_run_is_recorded_offline(write_run, tmp_path, monkeypatch, capsys):
    write_run(tmp_path, 0.3)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    assert main(["log", str(tmp_path), "--group", "mine"]) == 0
    output = capsys.readouterr()
    assert output.err.startswith("W&B is not available (") and output.err.count("\n") == 1
    result = offline(tmp_path)
    assert output.out == f"recorded offline in {result.files.parent}, to upload it: wandb sync {result.files.parent}\n"
    assert result.run.run_group == "mine" and result.run.project == "synth-scaling" and result.exit_codes == [0]


def test_wandb_can_be_turned_off(write_run, tmp_path, monkeypatch, capsys):
    write_run(tmp_path, 0.3)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert main(["log", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "WANDB_MODE=disabled: nothing is recorded\n"
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize(
    ("mode", "arguments", "message"),
    [
        ("offlin", ["--sweep", "grid"], "WANDB_MODE=offlin: allowed are online, offline, disabled"),
        ("offline", [], "the rows are of several sweeps (grid, scan): name the W&B group with --group"),
        ("offline", ["--sweep", "grid", "--baseline", "nope"], "no runs with label 'nope'"),
        ("offline", ["--sweep", "none"], "no rows of sweep 'none'"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(simulated, monkeypatch, capsys, mode, arguments, message):
    monkeypatch.setenv("WANDB_MODE", mode)
    assert main(["log", str(simulated), *arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("analysis: ") and message in output.err and output.err.count("\n") == 1
    assert output.out == "" and not (Path(simulated) / "wandb").exists()


def test_sampled_error_stands_beside_greedy_error(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    points = [
        point("sft", n, 3 * n**-0.5, sampled_rate=2 * n**-0.25, sampled_errors={"1": 2 * n**-0.25}) for n in SIZES
    ]
    rows = results_of([*points, point("rft", SIZES[0], 0.25)], tested=200)
    greedy = examine(rows, draws=50)
    log(greedy, tmp_path, "my-project", "made")
    result = offline(tmp_path)
    beside = examine(rows.measured_by("sampled"), draws=50)
    sampled = {
        (key.removeprefix("sampled_error/"), at["problems"]): value
        for at in result.history
        for key, value in at.items()
        if key.startswith("sampled_error/")
    }
    assert sampled == {key: cell.error for key, cell in beside.cells.items()} and len(sampled) == len(SIZES)
    assert result.axes["sampled_error/sft"] == "problems" and result.config["error"] == "greedy"
    table = result.table("points")
    assert table["columns"][-3:] == ["sampled_error", "sampled_low", "sampled_high"]
    by_key = {(line[0], line[1]): line for line in table["data"]}
    assert by_key["rft", SIZES[0]][-3:] == [None] * 3
    assert by_key["sft", SIZES[0]][-3:] == [
        beside.cells["sft", SIZES[0]].error,
        *beside.draws.interval(("sft", SIZES[0])),
    ]
    assert {line[2] for line in result.table("coverage")["data"]} == {1, 2, 4}
    assert {line[2] for line in result.table("temperatures")["data"]} == {0.0, 1.0}
    assert run_id(rows) != run_id(rows.measured_by("sampled"))
