"""The state of a sweep, read from real run folders in every state."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from synth_scaling import retry, status
from synth_scaling.sweep.plan import Plan, Planned, announced, seconds_left
from synth_scaling.system.failures import Failure
from synth_scaling.system.leases import lease

NAMES = ("done", "running", "failed", "waiting", "died")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """One run in each state; `died` was begun by a process that is no more."""
    Plan("launch", time.time() - 60, 0, tuple(Planned(name, f"rft {name}", {}) for name in NAMES)).write(tmp_path)
    computed = {"stage": "policy", "at": 100.0, "hash": "00aa", "seconds": 30.0, "flops": 2e9}
    started = {"stage": "base", "at": 140.0}
    for name in set(NAMES) - {"waiting"}:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "stages.jsonl").write_text(f"{json.dumps(computed)}\n{json.dumps(started)}\n")
    (tmp_path / "runs" / "done" / "DONE").touch()
    (tmp_path / "runs" / "done" / "row.json").write_text("{}")
    for name in ("running", "died"):
        (tmp_path / "runs" / name / "begun.json").touch()
    curve = [{"stage": "base", "step": 10.0, "loss": 2.0}, {"stage": "base", "step": 20.0, "loss": 1.0}]
    (tmp_path / "runs" / "running" / "metrics.jsonl").write_text("".join(json.dumps(p) + "\n" for p in curve) + '{"st')
    Failure("diverged", "the loss is nan", "launch").write(tmp_path / "runs" / "failed")
    return tmp_path


def test_launches_with_other_runs_on_one_output_have_a_plan_each_and_status_shows_all_runs(tmp_path: Path) -> None:
    plans = [Plan(f"launch{i}", float(i), 0, (Planned("both", "b", {}), Planned(f"run{i}", "r", {}))) for i in range(3)]
    with announced(plans[0], tmp_path):
        with announced(plans[1], tmp_path):
            for plan in plans[:2]:  # what the workers of each follow
                assert {run.name for run in Plan.read(tmp_path, plan.launch).runs} == {run.name for run in plan.runs}
            assert {run.name for run in status.survey(tmp_path)[0].runs} == {"both", "run0", "run1"}
        assert {run.name for run in status.survey(tmp_path)[0].runs} == {"both", "run0", "run1"}
    assert not list((tmp_path / "plans").iterdir())
    with announced(plans[2], tmp_path):  # nobody is beside it any more
        assert {run.name for run in status.survey(tmp_path)[0].runs} == {"both", "run2"}


def test_the_plan_of_a_dead_launch_is_removed_and_one_of_jobs_elsewhere_remains_until_its_runs_are_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "plans").mkdir()
    dead, torn = Plan("dead", 0.0, 0, (Planned("of-dead", "d", {}),)), tmp_path / "plans" / "torn.json"
    (tmp_path / "plans" / "dead.json").write_text(json.dumps(asdict(dead)))
    torn.write_text('{"launch": ')
    with announced(Plan("jobs", 0.0, 0, (Planned("of-jobs", "j", {}),), elsewhere=True), tmp_path):
        pass
    with announced(Plan("next", 0.0, 0, (Planned("of-next", "n", {}),)), tmp_path):
        assert {run.name for run in Plan.read(tmp_path).runs} == {"of-next", "of-jobs"}
    Failure("error", "", "jobs").write(mkdir(tmp_path / "runs" / "of-jobs"))
    with announced(Plan("last", 0.0, 0, (Planned("of-last", "l", {}),)), tmp_path):
        assert {run.name for run in Plan.read(tmp_path).runs} == {"of-last"}
    assert list((tmp_path / "plans").iterdir()) == [torn]


def mkdir(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_a_torn_plan_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for text in ("", "{", "[]", '{"launch": 1}'):
        (tmp_path / "plan.json").write_text(text)
        assert status.main([str(tmp_path)]) == 2
        assert "no plan of a sweep" in capsys.readouterr().err


def test_every_state_is_distinguished(output: Path) -> None:
    with lease(output / "runs" / "running.lock", wait=False):
        _, runs = status.survey(output)
    assert {run.name: run.state for run in runs} == {
        "done": "done",
        "running": "running",
        "failed": "failed",
        "waiting": "waiting",
        "died": "waiting",  # to be made by whoever comes next
    }
    running = runs[1]
    assert (running.stage, running.since, running.step) == ("base", 140.0, 20)
    assert (running.seconds, running.flops) == (30.0, 2e9)
    assert runs[2].error == "diverged: the loss is nan"


def test_the_tables_hold_the_counts_the_running_and_the_reasons(output: Path) -> None:
    with lease(output / "runs" / "running.lock", wait=False):
        plan, runs = status.survey(output)
    console = Console(width=200, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(status.drawn(output, plan, runs, 170.0))
    text = console.export_text()
    assert "1 of 5 runs done, about 4 min left" in " ".join(text.split())  # the title is as wide as the cells
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    assert ["1", "1", "1", "2", "2.0 min", "8.00e+09"] in cells
    assert ["rft running", "base", "30 s", "20"] in cells
    assert ["rft failed", "diverged: the loss is nan", str(output / "runs" / "failed")] in cells


def test_the_command_says_by_its_exit_code_that_runs_failed(output: Path, capsys: pytest.CaptureFixture) -> None:
    assert status.main([str(output)]) == 1
    assert "the loss is nan" in capsys.readouterr().out
    (output / "runs" / "failed" / "DONE").touch()
    (output / "runs" / "failed" / "row.json").write_text("{}")
    assert status.main([str(output), "--once"]) == 0


def test_a_folder_without_a_plan_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert status.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no plan.json there; allowed is the output folder of a sweep\n"


def test_a_mistyped_sweep_is_answered_with_the_closest(output: Path, capsys: pytest.CaptureFixture) -> None:
    mistyped = output.with_name(output.name + "x")
    assert status.main([str(mistyped), "--once"]) == retry.main([str(mistyped)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.endswith(f"; did you mean {output.name}?") for line in lines)


def test_the_time_left_follows_the_forecast_of_the_runs_and_the_speed_so_far() -> None:
    """One cheap run of five is done: the four expensive ones take what was forecast of them, at the speed seen."""
    seconds = (10.0, 100.0, 100.0, 100.0, 100.0)
    runs = tuple(Planned(str(i), str(i), {}, s) for i, s in enumerate(seconds))
    plan = Plan("launch", 0.0, 0, runs)
    assert seconds_left(plan, {"0"}, 10.0) == pytest.approx(400.0)  # as fast as expected; by counts it would be 40
    assert seconds_left(plan, {"0", "1"}, 220.0) == pytest.approx(300 * (220 + 82) / (110 + 82))
    assert seconds_left(replace(plan, workers=2), {"0"}, 5.0) == pytest.approx(200.0)
    assert seconds_left(plan, set(), 5.0) is None and seconds_left(plan, set("01234"), 410.0) is None
    blind = replace(plan, runs=tuple(Planned(str(i), str(i), {}) for i in range(5)))
    assert seconds_left(blind, {"0"}, 10.0) == pytest.approx(40.0)
