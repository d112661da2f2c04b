"""Commands print text from outside unchanged but for control characters, and do not die of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from analysis.__main__ import main as analysis
from analysis.figures import draw_all
from analysis.figures.inputs import figure_inputs
from analysis.report.page import page
from analysis.study.studies import Studies
from synth_scaling import status, store
from synth_scaling.config.hydra_errors import refuse
from synth_scaling.core.validation import ConfigError
from synth_scaling.sweep.plan import Plan, Planned
from synth_scaling.sweep.sweeper import SweepFailed, report
from synth_scaling.system.failures import Failure
from tests.core.test_terminal import is_safe
from tests.support.made_rows import point, results_of, write
from tests.support.outside_texts import NASTY, texts

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def printed(capsys: pytest.CaptureFixture) -> str:
    result = capsys.readouterr()
    assert is_safe(result.out + result.err)
    return result.out + result.err


@FEW
@given(title=texts(), error=texts())
def test_status_and_the_report_of_failed_runs(title: str, error: str, capsys: pytest.CaptureFixture) -> None:
    title, error = (text.encode(errors="replace").decode() for text in (title, error))  # as JSON files hold them
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        plan = Plan("launch", 0.0, 0, (Planned("0aa", title, {}), Planned("0bb", "b", {})))
        plan.write(output)
        (output / "runs" / "0aa").mkdir(parents=True)
        Failure(error, error, "launch").write(output / "runs" / "0aa")
        assert status.main([folder, "--once"]) == 1
        assert "failed" in printed(capsys)
        with pytest.raises(SweepFailed):
            report(output, plan)


@FEW
@given(text=texts())
def test_refusals_are_one_line(text: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        refuse(ConfigError(f"task.path={text}: no such file"))
    assert printed(capsys).count("\n") == 1


def test_store_lists_stages_of_any_name(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "\x1b[31m" / "00aa").mkdir(parents=True)
    (tmp_path / "policy" / "00aa").mkdir(parents=True)
    (tmp_path / "policy" / "00aa" / "stage.json").write_text(json.dumps({"stage": "\x1b[2J", "sizes": {"\x1b[2J": 1}}))
    for command in ("ls", "du", "verify"):
        store.main([command, str(tmp_path)])
        printed(capsys)
    assert store.main(["gc", str(tmp_path), "--keep-sweep", "\x1b[31m"]) == 2
    printed(capsys)


@pytest.fixture(scope="module")
def nasty_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose labels, sweep and task are such texts."""
    points = [point("sft", size, 0.3, 2, sweep=NASTY[0]) for size in (100, 200, 400)]
    for i, label in enumerate(text for text in NASTY if text and text != "\ud800"):
        points += [point(label, size, 0.1 + 0.01 * i, 2, method="rft", sweep=NASTY[0]) for size in (100, 200, 400)]
    folder = tmp_path_factory.mktemp("nasty")
    write(results_of(points, tested=50), folder)
    return folder


@pytest.mark.parametrize("command", ["table", "claims", "costs", "compare --baseline sft"])
def test_tables_of_labels_from_outside(command: str, nasty_study: Path, capsys: pytest.CaptureFixture) -> None:
    verb, *more = command.split()
    assert analysis([verb, str(nasty_study), *more]) in (0, 2)
    text = "".join(printed(capsys).split())
    if verb in ("table", "compare"):
        assert "[/data/x]" in text and ":warning:" in text and r"\x1b[2J" in text


def test_the_page_and_figures_show_labels_from_outside(nasty_study: Path, tmp_path: Path) -> None:
    from analysis.data.results import load

    studies = Studies(load(nasty_study), 50)
    text = page(studies)
    assert "<script>alert(1)</script>" not in text and "\x1b" not in text and "&lt;script&gt;" in text
    lines = list(draw_all(figure_inputs(studies, None), tmp_path, ["error_against_n"]))
    assert (tmp_path / "error_against_n.svg").exists(), lines
    assert "\x1b" not in (tmp_path / "error_against_n.svg").read_text()
