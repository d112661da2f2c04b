from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

from analysis.__main__ import main
from analysis.data.cells import Cell
from analysis.errors import InputError
from analysis.fits.laws import PowerLaw
from analysis.planner.power import PairedNoise, fewest, paired_noise, resolve


def test_the_smallest_effect_of_many_seeds_is_that_of_the_normal():
    noise = PairedNoise(seeds=0.04, problems=0.0, chance=2.0)
    expected = (norm.ppf(0.975) + norm.ppf(0.8)) * math.sqrt(0.04 / 400 + 2 / (400 * 1000) * 3)
    assert noise.smallest(0.25, 400, 1000) == pytest.approx(expected, rel=0.02)
    assert noise.smallest(0.25, 3, 1000) > expected * math.sqrt(400 / 3)  # the tails of Student's t
    assert PairedNoise(1.0, 0.5, 0.5).smallest(0.5, 1, 100) == PairedNoise(9.0, 0.5, 0.5).smallest(0.5, 1, 100)
    assert PairedNoise(0, 0, 0).smallest(0.5, 3, 100) == 0


def test_multiplier_kappa_and_difference_agree():
    noise = PairedNoise(0.002, 0.3, 0.9)
    (row,) = resolve(noise, PowerLaw(5, 0.5), [400], 5, 1000, (100, 1600), negatives=4)
    ratio = noise.smallest(0.25, 5, 1000)
    assert row.error == pytest.approx(0.25) and not row.extrapolated
    assert row.multiplier == pytest.approx(math.exp(ratio / 0.5))
    assert PowerLaw(5, 0.5).predict(400 * row.multiplier) == pytest.approx(0.25 - row.difference)
    assert row.kappa == pytest.approx((row.multiplier - 1) / 4)
    assert row.seeds_needed is row.problems_needed is None


def test_the_numbers_needed_resolve_and_one_less_does_not():
    noise = PairedNoise(0.0003, 0.3, 0.9)
    seeds, problems = fewest(noise, 0.1, 0.25, 3, 1000)
    assert noise.smallest(0.25, seeds, 1000) <= 0.1 < noise.smallest(0.25, seeds - 1, 1000)
    assert noise.smallest(0.25, 3, problems) <= 0.1 < noise.smallest(0.25, 3, problems - 1)
    # No number of test problems makes three seeds that differ resolve a small effect.
    assert fewest(PairedNoise(0.1, 0.3, 0.9), 0.1, 0.25, 3, 1000)[1] is None
    (row,) = resolve(noise, PowerLaw(5, 0.5), [400], 3, 1000, (100, 200), wanted_multiplier=math.exp(0.2))
    assert (row.seeds_needed, row.problems_needed) == (seeds, problems) and row.extrapolated


def test_components_of_independent_answers_are_binomial():
    rng = np.random.default_rng(0)
    cells = {
        (label, size): Cell(tuple(range(10)), (rng.uniform(size=(10, 2000)) < 0.2).astype(float), 1)
        for label in ("sft", "rft")
        for size in (100, 200, 400)
    }
    noise = paired_noise(cells, "sft", ["rft"])
    assert noise.chance == pytest.approx(2, rel=0.1)  # of two runs: (1 - e) / e each
    assert noise.problems < 0.1 and noise.seeds < 1e-3
    with pytest.raises(InputError, match="no size at which"):
        paired_noise(cells, "sft", ["sft"])


def test_the_command(simulated, capsys):
    arguments = ["power", "--from", str(simulated), "--sizes", "100,400", "--seeds", "4", "--problems", "500"]
    assert main([*arguments, "--negatives", "8", "--wanted-difference", "0.05", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["size"] for row in printed["resolved"]] == [100, 400]
    assert all(row["multiplier"] > 1 and row["kappa"] > 0 for row in printed["resolved"])
    assert main(arguments) == 0
    assert "4 seeds, 500 test problems" in " ".join(capsys.readouterr().out.split())
    assert main([*arguments, "--wanted-multiplier", "0.9"]) != 0
    assert "--wanted-multiplier must be above 1" in capsys.readouterr().err
