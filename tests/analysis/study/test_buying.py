from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.data.configurations import configurations
from analysis.errors import InputError
from analysis.study.cost_law import Prices
from analysis.study.crossings import crossing_price, crossings
from analysis.study.frontier import frontier
from analysis.study.offers import offers
from tests.support.made_rows import Point, point, results_of

SIZES = (100, 200, 400, 800)
# label -> (A, FLOPs of training and of sampling per problem): error A N^-1/2.
LAWS = {"sft": (5.0, 1e9, 0.0), "rft": (3.5, 1e9, 2e9), "step_dpo": (2.5, 2e9, 4e9)}


def _points(laws: dict[str, tuple[float, float, float]] = LAWS) -> list[Point]:
    return [
        point(label, n, amplitude * n**-0.5, flops_training=training * n, flops_sampling=sampling * n)
        for label, (amplitude, training, sampling) in laws.items()
        for n in SIZES
    ]


@pytest.fixture(scope="module")
def exact():
    """Offers whose errors lie on the laws."""
    return offers(results_of(_points(), tested=20_000, shared=1.0), 100)


# --- configurations


def _config(**changes) -> dict:
    data = {"problems": 100, "rollouts": 16, "positives": 4} | changes
    return {"data": data, "credit": {"rollouts": changes.get("credit", 16)}, "method": {"name": "rft"}}


def test_a_configuration_is_named_by_what_differs_from_its_labels_size_rows():
    points = [point("rft", n, 0.3, config=_config(problems=n)) for n in (100, 200)]
    points += [
        point("rft", 100, 0.2, figure="positives", config=_config(positives=16, rollouts=64)),
        point("rft", 100, 0.2, figure="rollouts", config=_config() | {"credit": {"rollouts": 4}}),
        point("rft", 200, 0.3, figure="teacher", config=_config(problems=200)),  # the same as one of "size"
        point("sft", 100, 0.4, figure="other", config=_config(traces=3)),  # a label without rows of "size"
    ]
    rows = configurations(results_of(points, tested=50))
    assert set(rows["configuration"]) == {"rft", "rft, positives=16, rollouts=64", "rft, credit.rollouts=4", "sft"}
    assert len(rows) == 3 * 5 and set(rows.loc[rows["configuration"] == "rft", "figure"]) == {"size"}


def test_a_setting_that_older_rows_do_not_record_tells_nothing_apart():
    newer = _config() | {"trainer": {"packing": False}}
    rows = configurations(
        results_of([point("rft", 100, 0.3, config=_config()), point("rft", 200, 0.3, config=newer)], tested=50)
    )
    # The first rows lack it, and so it is the usual value where it is recorded.
    assert set(rows["configuration"]) == {"rft"}


# --- the frontier


@pytest.mark.parametrize("teacher", [0.0, 3e9, 1e11])
@pytest.mark.parametrize("sampling", [1.0, 5.0])
def test_the_best_buy_has_the_lowest_closed_form_error(exact, teacher, sampling):
    """A budget B buys N = B / (c + t) problems, so the error A ((c + t) / B)^1/2."""
    each = {label: training + sampling * sampled + teacher for label, (_, training, sampled) in LAWS.items()}
    budgets = np.geomspace(max(each.values()) * 110, min(each.values()) * 700, 4)
    budgets = budgets if budgets[-1] > budgets[0] else budgets[:1]
    for budget, one in zip(budgets, frontier(exact, Prices(teacher, sampling), list(budgets)), strict=True):
        sizes = {label: min(budget / cost, SIZES[-1]) for label, cost in each.items()}
        errors = {label: LAWS[label][0] * size**-0.5 for label, size in sizes.items()}
        assert one.name == one.label == min(errors, key=errors.__getitem__)
        assert one.error == pytest.approx(errors[one.name], rel=0.03) and one.by_law
        assert one.size == pytest.approx(sizes[one.name], rel=0.01) and one.price <= budget * (1 + 1e-9)
        assert one.low < one.error < one.high and 0 < one.best <= 1


def test_a_configuration_of_one_size_is_offered_as_it_was_run():
    rare = point("rft", 400, 0.01, figure="positives", positives=32, flops_training=1e9)
    found = offers(results_of([*_points(), rare | {"flops_sampling": 0.0}], tested=4000), 50)
    assert set(found.names) == {*LAWS, "rft, positives=32"} and set(found.curves) == set(LAWS)
    best = frontier(found, Prices(), [1e13])[0]
    assert (best.name, best.label, best.size, best.by_law) == ("rft, positives=32", "rft", 400, False)
    assert best.error == pytest.approx(0.01, abs=0.003)


def test_budgets_below_every_run_and_rows_without_costs_are_refused(exact):
    with pytest.raises(InputError, match=r"the cheapest costs 1e\+11 FLOPs"):
        frontier(exact, Prices(), [1e9])
    with pytest.raises(InputError, match="do not record their cost"):
        offers(results_of([point("sft", n, 0.3) for n in SIZES], tested=50))


def test_the_parts_of_offers_have_their_seeds_and_problems(exact):
    part = exact.part(seeds=[0, 2], problems=range(0, 20_000, 2))
    assert {cell.seeds for cell in part.cells.values()} == {(0, 2)}
    assert {cell.wrong.shape for cell in part.cells.values()} == {(2, 10_000)}
    assert set(part.rows["seed"]) == {0, 2} and part.cells.keys() == exact.cells.keys()


# --- crossings


@given(
    st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)),
    st.tuples(st.floats(1e3, 1e15), st.floats(1e3, 1e15)),
    st.floats(1.01, 100),
)
def test_beyond_the_crossing_the_configuration_is_cheaper_and_before_it_is_not(solutions, computed, factor):
    (ours, base), (spent, base_spent) = solutions, computed
    (price,) = crossing_price(*(np.array([value]) for value in (ours, spent, base, base_spent)))
    if np.isinf(price):
        assert ours >= base
        return
    above, below = price * factor + 1.0, price / factor
    # Terms of very different sizes cancel; the comparison allows for their rounding.
    rounding = 1e-9 * (spent + base_spent + above * (ours + base))
    assert spent + above * ours <= base_spent + above * base + rounding
    if price > 0:
        assert spent + below * ours >= base_spent + below * base - rounding


def test_a_crossing_where_an_error_is_never_reached():
    infinite, some = np.array([np.inf]), np.array([10.0])
    assert crossing_price(infinite, infinite, some, some) == np.inf
    assert crossing_price(some, some, infinite, infinite) == 0.0
    assert crossing_price(infinite, infinite, infinite, infinite) == np.inf


@pytest.mark.parametrize("sampling", [1.0, 3.0])
def test_crossings_are_those_of_the_planted_laws(exact, sampling):
    """N = (A / e)^2 problems at c FLOPs each: t = (c N - c_b N_b) / (N_b - N)."""
    target = 0.25
    needs = {label: (amplitude / target) ** 2 for label, (amplitude, *_) in LAWS.items()}
    spent = {label: (LAWS[label][1] + sampling * LAWS[label][2]) * size for label, size in needs.items()}
    for one in crossings(exact, "sft", target, sampling):
        expected = (spent[one.name] - spent["sft"]) / (needs["sft"] - needs[one.name])
        if one.name == "step_dpo":  # its smallest run is better than that
            expected = (SIZES[0] / needs["step_dpo"] * spent["step_dpo"] - spent["sft"]) / (needs["sft"] - SIZES[0])
        assert one.price == pytest.approx(max(expected, 0.0), rel=0.1)
        assert one.low is not None and one.low <= one.price
        assert one.high is None or one.price <= one.high
    with pytest.raises(InputError, match="nope has no law"):
        crossings(exact, "nope", target)
