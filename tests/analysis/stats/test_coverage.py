"""The simulation behind the coverage table: is its truth the truth?"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import BASELINE, METHOD, Scenario, analyse

TOGETHER = Scenario(5, 0.9, 0.12, sizes=3, growth=0.2, together=0.5)


@pytest.fixture(scope="module")
def sweeps():
    return [TOGETHER.sweep(np.random.default_rng(seed)) for seed in range(80)]


def test_the_expected_error_is_the_laws(sweeps):
    for key in sweeps[0]:
        errors = [sweep[key].error for sweep in sweeps]
        assert np.mean(errors) == pytest.approx(TOGETHER.error(*key), abs=4 * np.std(errors) / np.sqrt(len(errors)))


def test_the_baseline_needs_the_multiplier_times_the_data():
    for size in TOGETHER.all_sizes():
        needed = TOGETHER.multiplier(size) * size
        assert TOGETHER.error(METHOD, size) == pytest.approx(0.5 * (needed / 100) ** -0.9)
        assert TOGETHER.error(BASELINE, size) == pytest.approx(0.5 * (size / 100) ** -0.9)


def test_seeds_differ_by_the_requested_spread():
    # The log of a run's rate has the spread; chance adds (1 - p) / (p P), and both labels share half of the spread.
    one_size = Scenario(5, 0.9, 0.12, sizes=1, together=0.5)
    cells = [one_size.sweep(np.random.default_rng(seed)) for seed in range(600)]
    logs = {label: np.log([cell[label, 100].wrong.mean(axis=1) for cell in cells]) for label in (BASELINE, METHOD)}
    within = {label: result - result.mean(axis=1, keepdims=True) for label, result in logs.items()}
    p = one_size.error(BASELINE, 100)
    chance = (1 - p) / (p * 1000)
    # What a problem is to every seed is not between them; what it is to one seed is common to both labels.
    assert np.mean(within[BASELINE] ** 2) * 5 / 4 == pytest.approx(0.12**2 + (1 - 0.13) * chance, rel=0.1)
    common = np.mean(within[BASELINE] * within[METHOD]) * 5 / 4
    assert common == pytest.approx(0.5 * 0.12**2 + (0.34 - 0.13) * chance, rel=0.2)


def test_answers_are_as_alike_as_those_of_the_maze(sweeps):
    pairs: dict[str, list[float]] = {"other seed": [], "same seed": []}
    for sweep in sweeps:
        one, other = sweep[BASELINE, 100].wrong, sweep[METHOD, 100].wrong
        pairs["other seed"].append(np.corrcoef(one[0], one[1])[0, 1])
        pairs["same seed"].append(np.corrcoef(one[0], other[0])[0, 1])
    assert np.mean(pairs["other seed"]) == pytest.approx(0.13, abs=0.02)
    assert np.mean(pairs["same seed"]) == pytest.approx(0.34, abs=0.04)


def test_the_intervals_of_a_few_sweeps_hold_the_truth():
    seen = [analyse(Scenario(3, 0.9, 0.06, sizes=5), seed, draws=300) for seed in range(40)]
    for name in ("alpha", "multiplier", "paired"):
        assert sum(getattr(one, name) for one in seen) >= 34, name  # 38 expected


def test_the_mean_multiplier_of_two_seeds_is_covered_also_where_its_interval_is_narrow():
    scenario = Scenario(seeds=2, exponent=0.5, spread=0.06, sizes=4)
    means = [one.mean for one in (analyse(scenario, seed, 200) for seed in range(40)) if one.mean is not None]
    assert len(means) > 20 and np.mean(means) >= 0.86  # 95 %, less two and a half standard errors


@pytest.mark.parametrize("alike", [0.03, 0.2])
def test_samples_are_as_alike_as_asked_for_and_count_by_their_design_effect(alike):
    scenario = Scenario(3, 0.9, 0.0, sizes=1, hardness=alike, taste=alike, policy=alike, samples=4)
    cells = [scenario.sweep(np.random.default_rng(seed))[BASELINE, 100] for seed in range(60)]
    errors = np.array([cell.error for cell in cells])
    assert errors.mean() == pytest.approx(0.5, abs=4 * errors.std() / np.sqrt(60))
    # At an error of 1/2 answers correlate by the arcsine law; a run's four samples have the effect 1 + 3 rho.
    rho = 2 / np.pi * np.arcsin(3 * alike)
    assert np.mean([cell.independent for cell in cells]) == pytest.approx(12_000 / (1 + 3 * rho), rel=0.02)


def test_the_intervals_of_sampled_error_hold_the_truth():
    scenario = Scenario(3, 0.9, 0.06, sizes=5, hardness=0.2, taste=0.3, policy=0.2, samples=4)
    seen = [analyse(scenario, seed, draws=200) for seed in range(40)]
    for name in ("alpha", "multiplier", "paired"):
        assert sum(getattr(one, name) for one in seen) >= 34, name  # 38 expected
