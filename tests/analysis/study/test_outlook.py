from __future__ import annotations

import numpy as np
import pytest

from analysis.study.outlook import DRAWS, SIZES
from analysis.study.study import Study
from tests.support.made_rows import point, results_of


@pytest.fixture(scope="module")
def study():
    """sft at five sizes on 4 N^-1/2, and rft at three, which are too few."""
    points = [point("sft", n, 4 * n**-0.5) for n in (100, 200, 400, 800, 1600)]
    points += [point("rft", n, 3 * n**-0.5) for n in (100, 200, 400)]
    return Study(results_of(points, tested=4000, spread=0.02), n_draws=50)


def test_an_outlook_continues_the_law_with_growing_intervals(study):
    assert set(study.outlooks) == {"sft"} and study.outlook("rft") is None
    predictive = study.outlooks["sft"].predictive
    assert predictive.sizes[[0, -1]] == pytest.approx([1600, 6400]) and len(predictive.sizes) == SIZES
    assert predictive.centre == pytest.approx(4 * predictive.sizes**-0.5, rel=0.15)
    assert np.all((predictive.low < 4 * predictive.sizes**-0.5) & (4 * predictive.sizes**-0.5 < predictive.high))
    width = np.log(predictive.high / predictive.low)
    assert width[-1] > width[0]


def test_curves_of_an_outlook_have_its_quantiles_and_are_inverted(study):
    one = study.outlooks["sft"]
    errors = one.errors(3200.0, 40)
    assert errors[0] == pytest.approx(np.interp(3200.0, one.predictive.sizes, one.predictive.centre), rel=0.01)
    middle = np.quantile(one.predictive.draws[:, SIZES // 2], [0.1, 0.5, 0.9])
    assert np.quantile(errors[1:], [0.1, 0.5, 0.9]) == pytest.approx(middle, rel=0.05)
    for target in (errors[0], float(np.median(errors[1:]))):
        sizes = one.reached(target, 40)
        assert sizes.shape == (41,) and np.all(sizes >= 1600)
        assert np.mean(sizes <= 3200 * (1 + 1e-9)) == pytest.approx(np.mean(errors <= target), abs=0.05)
    assert one.reached(errors[0], 40)[0] == pytest.approx(3200, rel=1e-6)
    assert np.all(np.isinf(one.reached(1e-9, 40))) and np.all(one.reached(0.999, 40) == pytest.approx(1600))
    assert one.predictive.draws.shape == (DRAWS, SIZES)
