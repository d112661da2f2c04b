"""Parts of the committed studies, as an unfinished sweep leaves them: a figure draws, or says which runs it lacks."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from analysis.claims import claims
from analysis.data.results import Results, load
from analysis.errors import InputError
from analysis.figures import FIGURES, drawings
from analysis.figures.inputs import figure_inputs
from analysis.study.studies import Studies

STUDIES = sorted(path.parent for path in (Path(__file__).parents[3] / "results").glob("*/rows.jsonl"))
CHANCES = {"label": 0.7, "problems": 0.6, "seed": 0.5, "figure": 0.3}


def part(results: Results, rng: random.Random) -> Results:
    """Some labels, sizes, seeds and figures of the rows, and some rows of those."""
    rows = results.rows
    for column, chance in CHANCES.items():
        if rng.random() < chance:
            values = sorted(set(rows[column]))
            chosen = {*rng.sample(values, rng.randint(1, len(values)))} | ({"sft"} if column == "label" else set())
            rows = rows[rows[column].isin(chosen)] if rows[column].isin(chosen).any() else rows
    if rng.random() < 0.3:
        rows = rows.sample(n=rng.randint(1, len(rows)), random_state=rng.randrange(1000))
    return replace(results, rows=rows.reset_index(drop=True))


@pytest.mark.slow
@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("measure", ["greedy", "sampled"])
def test_every_figure_of_a_part_of_a_study_draws_or_says_what_it_lacks(folder: Path, measure) -> None:
    rng = random.Random(f"{folder.name} {measure}")
    try:
        results = load(folder).measured_by(measure)
    except InputError as error:
        assert "has sampled errors" in str(error)
        return
    for _ in range(4):
        rows = part(results, rng)
        studies = Studies(rows, 60)
        drawn = dict(drawings(figure_inputs(studies)))
        plt.close("all")
        assert list(drawn) == list(FIGURES)
        assert json.dumps([line.estimate for line in claims(studies)])


def test_a_study_of_the_baseline_alone_in_rounds_and_a_baseline_without_errors(tmp_path, write_run) -> None:
    write_run(tmp_path, 0.3, figure="rounds", rounds=[{"round": 1, "wrong": 120, "sampled_error": None}])
    for seed in (0, 1):
        write_run(tmp_path, 0.0, seed=seed)
        write_run(tmp_path, 0.2, seed=seed, method="rft")
    drawn = dict(drawings(figure_inputs(Studies(load(tmp_path), 60))))
    assert "of a label but sft" in str(drawn["error_against_rounds"])
    assert "sft has no errors at N = 100" in str(drawn["price_list"])
