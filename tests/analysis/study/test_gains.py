"""Gains of rounds: their contrasts by hand, planted errors, and rows that are written and read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.data.results import collect, load
from analysis.data.rounds import round_cells, round_costs
from analysis.study.gains import Contrast, Setting, contrasts, gains
from benchmarks.synthetic_study import FIXED, ROUNDS, error_rate, write_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("gains")
    write_study(place, 3, 600, (200, 400, 800))
    return place


def setting(label: str, method: str, rounds: int = 3, rollouts: int = 16, **options: float) -> Setting:
    return Setting(label, 100, {"name": method, **options}, rounds, rollouts)


def test_contrasts_by_hand() -> None:
    topr, without = setting("topr", "topr", 2, negative=1.0), setting("topr, positives", "topr", 1, negative=0.0)
    once = setting("topr, 32", "topr", 1, 32, negative=1.0)
    found = contrasts([topr, without, once, setting("dpo", "dpo", 1), setting("step_dpo", "step_dpo", 1)])
    assert found == [
        Contrast("rounds", ("topr", 100, 2), ("topr", 100, 1)),
        Contrast("samples", ("topr, 32", 100, 1), ("topr", 100, 1)),
        Contrast("freshness", ("topr", 100, 2), ("topr, 32", 100, 1)),
        Contrast("negatives", ("topr", 100, 1), ("topr, positives", 100, 1)),
        Contrast("step credit", ("step_dpo", 100, 1), ("dpo", 100, 1)),
    ]


@pytest.mark.parametrize(
    "other",
    [
        setting("a", "topr", 1, 16, negative=1.0),  # not as many samples as two rounds
        setting("a", "topr", 1, 32, negative=0.5),  # another method's options
        setting("a", "rft", 1, 32),
        Setting("a", 200, {"name": "topr", "negative": 1.0}, 1, 32),  # another N
    ],
)
def test_settings_that_differ_in_more_than_one_thing_are_no_contrast(other: Setting) -> None:
    found = contrasts([setting("topr", "topr", 2, negative=1.0), other])
    assert [contrast.part for contrast in found] == ["rounds"]


@pytest.mark.parametrize("measure", ["greedy", "sampled"])
def test_planted_errors_after_each_round_are_found(folder: Path, measure: str) -> None:
    results = load(folder).select(task="maze").measured_by(measure)
    points = round_cells(results)
    assert {key[0] for key in points} == set(ROUNDS) and {key[1] for key in points} == {FIXED}
    for label, (_, _, worths) in ROUNDS.items():
        assert [number for name, _, number in points if name == label] == list(range(1, len(worths) + 1))
        for number, worth in enumerate(worths, start=1):
            planted = error_rate(worth * FIXED) ** (1 if measure == "greedy" else 0.5)
            assert points[label, FIXED, number].error == pytest.approx(planted, abs=0.05)
    for gain in gains(results, 200):
        assert gain.low < gain.gain < gain.high
        assert gain.gain == pytest.approx(points[gain.contrast.lacking].error - points[gain.contrast.having].error)


def test_the_gain_of_rounds_is_that_of_samples_and_of_freshness(folder: Path) -> None:
    of = {(g.contrast.part, g.contrast.having[0]): g.gain for g in gains(load(folder).select(task="maze"), 50)}
    assert of["rounds", "rft"] == pytest.approx(of["samples", "rft, 48 samples"] + of["freshness", "rft"])


def test_costs_after_each_round(folder: Path) -> None:
    costs = [round_costs(load(folder).select(task="maze"))["rft", FIXED, n]["flops_sampling"] for n in (1, 2, 3)]
    assert costs[2] == pytest.approx(3 * costs[0]) and costs[1] == pytest.approx(2 * costs[0])


def test_rounds_survive_being_collected(folder: Path, tmp_path: Path) -> None:
    collect([folder], tmp_path)
    once, again = (round_cells(load(place).select(task="maze")) for place in (folder, tmp_path))
    assert once.keys() == again.keys() and all((once[key].wrong == again[key].wrong).all() for key in once)


def test_answers_that_contradict_the_row_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    collect([folder], tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    next(row for row in rows if len(row.get("rounds", [])) == 3)["rounds"][0]["wrong"] += 1
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["gains", str(tmp_path)]) == 2
    assert "rounds_correct of correct.parquet differs from the row's rounds" in capsys.readouterr().err


def test_the_command_prints_every_contrast(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["gains", str(folder), "--task", "maze", "--json", "--draws", "50"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["contrast"]["part"] for line in lines} == {
        "rounds",
        "samples",
        "freshness",
        "negatives",
        "step credit",
    }
    assert main(["gains", str(folder), "--task", "maze", "--draws", "50"]) == 0
    assert "step_dpo, round 3" in capsys.readouterr().out
    assert main(["gains", str(folder), "--task", "star_graph"]) == 2
    assert "prices_rounds" in capsys.readouterr().err
