"""The line of a dry run on what its sweep would resolve, from real rows and by the real command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from synth_scaling.config.schema import Config
from synth_scaling.sweep.power import earlier_study, power_line
from tests.support.composing import config
from tests.support.made_rows import point, results_of, write

SIZES = (100, 200, 400)


def _planned(methods: Sequence[str], seeds: int = 2, task: str = "maze") -> list[Config]:
    return [
        config(f"task={task}", f"method={method}", f"data.problems={size}", f"seed={seed}")
        for method in methods
        for size in SIZES
        for seed in range(seeds)
    ]


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two earlier studies of the maze, a smaller one, and others' files; the current directory, too."""
    monkeypatch.chdir(tmp_path)
    points = [point(label, n, a * n**-0.5) for label, a in (("sft", 5.0), ("rft", 4.0)) for n in SIZES]
    write(results_of(points, tested=500, spread=0.1), tmp_path / "results" / "earlier")
    write(results_of(points[:2], tested=500), tmp_path / "outputs" / "smaller")
    (tmp_path / "outputs" / "broken").mkdir()
    (tmp_path / "outputs" / "broken" / "rows.jsonl").write_text("{not json\n")
    (tmp_path / "outputs" / "notes.txt").write_text("no folder")
    return tmp_path


def test_the_earlier_study_is_the_one_with_most_runs_of_the_task(beside: Path) -> None:
    output = beside / "outputs" / "new"
    assert earlier_study("maze", output) == Path("results/earlier")
    assert earlier_study("collect", output) is None
    # The sweep's own finished runs are no earlier study.
    assert earlier_study("maze", Path("results/earlier")) is None
    assert earlier_study("maze", beside / "elsewhere" / "new") == Path("results/earlier")


def test_a_sweep_that_compares_labels_has_a_line(beside: Path) -> None:
    line = power_line(_planned(("sft", "rft")), beside / "outputs" / "new")
    assert line is not None and line.startswith("with 2 seeds and 1,000 test problems it would resolve")
    assert line.endswith("as runs vary in results/earlier (synth-scaling power)")
    gains = re.findall(r"([\d.]+) points \(([\d.]+)x the data\) at N = (\d+)", line)
    assert [int(size) for *_, size in gains] == [100, 400]
    assert all(float(points) > 0 and float(times) > 1 for points, times, _ in gains)


def test_without_another_label_or_an_earlier_study_there_is_no_line(beside: Path) -> None:
    output = beside / "outputs" / "new"
    assert power_line(_planned(("sft",)), output) is None
    assert power_line(_planned(("sft", "rft"), task="collect"), output) is None
    assert power_line([], output) is None
