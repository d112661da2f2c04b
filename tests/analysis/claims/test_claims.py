from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.claims import (
    claims,
    credit,
    difficulty,
    multiples,
    negatives,
    pairs,
    positives,
    power_law,
    spurious,
    star_graph,
)
from analysis.data.results import joined, load
from analysis.errors import InputError
from analysis.study.differences import gain_share
from analysis.study.studies import Studies
from analysis.study.study import Study
from tests.support.asked_claims import DRAWS, SIZES, ask_one, curve
from tests.support.made_rows import Point, point, results_of

MAZE = Path(__file__).parents[3] / "results" / "maze"
SFT = curve("sft", 5.0)


def test_the_ledger_of_nothing_names_every_sweep():
    ledger = claims(Studies(results_of([point("other", 100, 0.3)]), DRAWS))
    assert {one.verdict for one in ledger} == {"not run"}
    assert all(one.estimate is None and one.needed.startswith("to be run: ") for one in ledger)
    assert len({one.claim for one in ledger}) == len(ledger) == 22
    words = " ".join(one.needed for one in ledger)
    for figure in ("size", "positives", "rollout_policy", "rollouts", "grid"):
        assert f'"{figure}"' in words
    assert "task=star_graph" in words


def test_power_law():
    falls = ask_one(SFT, power_law.claims, "falls with N")
    assert falls.verdict == "holds" and falls.low < 0.5 < falls.high and falls.unit == "exponent"
    assert (
        ask_one([point("sft", n, 0.2 + n / 10_000) for n in SIZES], power_law.claims, "falls with N").verdict
        == "contradicted"
    )
    flat = ask_one([point("sft", n, 0.3) for n in SIZES], power_law.claims, "falls with N", tested=200)
    assert flat.verdict == "inconclusive" and "more" in flat.needed
    assert ask_one([point("sft", 100, 0.3)], power_law.claims, "falls with N").verdict == "not run"


def test_sizes_two_apart():
    assert ask_one(SFT, power_law.claims, "two apart").verdict == "holds"
    level = [*SFT[:4], *(point("sft", n, 5 * 800**-0.5) for n in (1600, 3200))]
    result = ask_one(level, power_law.claims, "two apart")
    assert result.verdict == "inconclusive" and "800 to 3200" in result.note and "3 of 4" in result.note
    assert ask_one([*SFT[:4], point("sft", 1600, 0.5)], power_law.claims, "two apart").verdict == "contradicted"


def test_a_bend_is_no_power_law():
    assert ask_one(SFT, power_law.claims, "one power").verdict == "holds"
    bent = [point("sft", n, rate) for n, rate in zip(SIZES, (0.5, 0.45, 0.4, 0.25, 0.1, 0.03), strict=True)]
    assert ask_one(bent, power_law.claims, "one power").verdict == "contradicted"
    assert ask_one(bent[:4], power_law.claims, "one power").estimate is not None
    assert ask_one(bent[:3], power_law.claims, "one power").verdict == "not run"


@pytest.mark.parametrize(
    ("factor", "any_gain", "twice", "eight_times"),
    [
        (2.0, "holds", "holds", "contradicted"),
        (8.0, "holds", "contradicted", "holds"),
        (0.5, "contradicted", "contradicted", "contradicted"),
    ],
)
def test_planted_multipliers(factor, any_gain, twice, eight_times):
    """A method worth `factor` times the data, inside the baseline's range."""
    sizes = [n for n in (200, 400) if n * factor <= max(SIZES)]
    labels = ("rft", "step_dpo")
    subset = [p for label in labels for p in curve(label, 5.0 / factor**0.5, sizes=sizes)]
    results = results_of([*SFT, *subset], tested=4000)
    assert ask_one(results, multiples.self_generated, "self-generated positives are worth more").verdict == any_gain
    about = ask_one(results, multiples.self_generated, "on about 2x")
    assert about.verdict == twice and about.low < factor < about.high and about.unit == "x"
    assert ask_one(results, multiples.per_step, "per-step negatives are worth more").verdict == any_gain
    assert ask_one(results, multiples.per_step, "on about 8x").verdict == eight_times


def test_a_multiplier_beyond_the_baseline_is_a_bound():
    subset = curve("step_dpo", 5.0 / 8**0.5, sizes=(800, 1600))
    result = ask_one([*SFT, *subset], multiples.per_step, "on about 8x")
    assert result.verdict == "inconclusive" and result.high is None
    assert result.needed == "runs of sft larger than N = 3200" and "beyond sft's runs" in result.note
    assert "open]" in result.estimate_text()
    assert ask_one([*SFT, *subset], multiples.per_step, "per-step negatives are worth more").verdict == "holds"


def test_a_baseline_that_does_not_fall_tells_no_multiplier():
    flat = [point("sft", n, 0.3 + n / 20_000) for n in SIZES]
    result = ask_one([*flat, point("rft", 200, 0.2)], multiples.self_generated, "on about 2x")
    assert result.verdict == "inconclusive" and "does not fall" in result.note and result.estimate is None


def _positives(rates: dict[int, float], size: int = 400) -> list[Point]:
    return [point("rft", size, rate, figure="positives", positives=k, seeds=4) for k, rate in rates.items()]


def test_too_many_positives():
    claim = (positives.claims, "too many")
    worse = ask_one(_positives({1: 0.3, 4: 0.2, 16: 0.28}), *claim)
    assert worse.verdict == "holds" and worse.low > 0 and "N = 400" in worse.note
    assert ask_one(_positives({1: 0.3, 4: 0.2, 16: 0.12}), *claim).verdict == "contradicted"
    assert ask_one(_positives({1: 0.3, 4: 0.2, 16: 0.2}), *claim, tested=500).verdict == "inconclusive"
    assert ask_one(_positives({4: 0.2}), *claim).verdict == "not run"
    # Any N suffices; and a point that the error-against-N runs hold is borrowed.
    two = [*_positives({1: 0.3, 4: 0.2, 16: 0.12}, 200), *_positives({1: 0.3, 16: 0.28})]
    assert ask_one(two, *claim).verdict != "holds"
    assert ask_one([*two, point("rft", 400, 0.2, seeds=4)], *claim).verdict == "holds"


def test_the_best_of_many_smaller_k_is_no_proof():
    """All k alike: the best one is best by chance, which must not pass for a rise in more than 5 % of sweeps."""
    k_all = {k: 0.2 for k in (1, 2, 3, 4, 6, 8, 12, 16)}
    result = [
        ask_one(
            results_of(
                [
                    point("rft", 400, rate, figure="positives", positives=k, seeds=range(s, s + 4))
                    for k, rate in k_all.items()
                ],
                tested=300,
                shared=0.0,
            ),
            positives.claims,
            "too many",
        ).verdict
        for s in range(0, 160, 8)
    ]
    assert result.count("holds") <= 3


def test_random_pairs():
    claim = (pairs.random_pairs, "randomly paired")
    assert ask_one([*SFT, *curve("dpo", 5.2)], *claim, tested=4000).verdict == "holds"
    assert ask_one([*SFT, *curve("dpo", 4.0)], *claim).verdict == "contradicted"
    few = ask_one([*SFT, *curve("dpo", 4.6)], *claim, tested=150)
    assert few.verdict == "inconclusive" and "more" in few.needed
    # One N that is resolved below contradicts, whatever the mean says.
    mixed = [*SFT, *curve("dpo", 6.0, sizes=SIZES[1:]), point("dpo", 100, 0.4)]
    result = ask_one(mixed, *claim)
    assert result.verdict == "contradicted" and result.estimate > 0 and "below sft at N = 100" in result.note


def test_per_step_against_positives():
    claim = (pairs.beyond_positives, "beat self-generated")
    assert ask_one([*curve("rft", 4.0), *curve("step_dpo", 3.0)], *claim).verdict == "holds"
    assert ask_one([*curve("rft", 3.0), *curve("step_dpo", 4.0)], *claim).verdict == "contradicted"
    assert ask_one([*curve("rft", 3.0), *curve("step_dpo", 3.0)], *claim).verdict == "inconclusive"
    assert ask_one(curve("step_dpo", 3.0), *claim).verdict == "not run"


def test_advantage_weighting_is_the_same_within_a_margin():
    claim = (pairs.same_optimum, "advantage-weighted")
    base = [*SFT, *curve("step_dpo", 3.0)]
    assert ask_one([*base, *curve("advantage_weighted", 3.0)], *claim).verdict == "holds"
    assert ask_one([*base, *curve("advantage_weighted", 4.5)], *claim).verdict == "contradicted"
    assert ask_one([*base, *curve("advantage_weighted", 3.5)], *claim, tested=200).verdict == "inconclusive"


def test_the_share_of_the_negatives_alone():
    claim = (negatives.negatives_share, "beyond its positives")
    base = [*SFT, *curve("step_dpo", 3.0)]
    half = ask_one([*base, *curve("step_sft", 4.0)], *claim)
    assert half.verdict == "holds" and half.estimate == pytest.approx(0.5, abs=0.07) and half.low < 0.5 < half.high
    study = Study(results_of([*base, *curve("step_sft", 4.0)]), n_draws=DRAWS)
    table = gain_share(study.cells, study.draws, "sft", "step_dpo", "step_sft")[-1]
    shares = (table.share, table.share_low, table.share_high)  # whose quantiles are not interpolated
    assert (half.estimate, half.low, half.high) == pytest.approx(shares, abs=0.01)
    nothing = ask_one([*SFT, *curve("step_dpo", 5.2), *curve("step_sft", 4.0)], *claim)
    assert nothing.verdict == "inconclusive" and nothing.estimate is None and "a gain to divide" in nothing.needed
    assert ask_one([*base, *curve("step_sft", 2.8)], *claim).verdict == "contradicted"
    assert ask_one([*base, *curve("step_sft", 3.2)], *claim, tested=200).verdict == "inconclusive"
    assert ask_one(base, *claim).verdict == "not run"


def _by_difficulty(hard: float, easy: float) -> list[Point]:
    """step_dpo takes `hard` off the error of the hard half of the problems, and `easy` off that of the other."""
    tested = 2000
    rates = np.tile([0.0, 1.0], tested // 2)
    base = np.where(rates == 0, 0.7, 0.4)
    return [
        point("sft", 200, base),
        point("step_dpo", 200, base - np.where(rates == 0, hard, easy), pass_rate=rates),
    ]


def test_gain_by_difficulty():
    claim = (difficulty.claims, "hard problems")
    more = ask_one(_by_difficulty(0.3, 0.1), *claim)
    assert more.verdict == "holds" and more.low < 20 < more.high and more.unit == "points"
    assert ask_one(_by_difficulty(0.1, 0.3), *claim).verdict == "contradicted"
    assert ask_one(_by_difficulty(0.1, 0.1), *claim).verdict == "inconclusive"
    without = results_of([*SFT, *curve("step_dpo", 3.0)])
    assert ask_one(without, *claim).verdict == "not run"
    all_alike = [point("sft", 200, 0.4), point("step_dpo", 200, 0.3, pass_rate=np.full(2000, 0.5))]
    assert ask_one(all_alike, *claim).verdict == "not run"


def _spurious(shares: dict[str, list[float]]) -> list[Point]:
    return [
        point(label, size, 0.3, seeds=[seed], spurious_share=share)
        for label, subset in shares.items()
        for size in (100, 200)
        for seed, share in enumerate(subset)
    ]


def test_spurious_steps():
    claim = (spurious.claims, "fewer spurious")
    fewer = ask_one(_spurious({"sft": [0.2, 0.3, 0.4], "step_dpo": [0.1, 0.21, 0.29]}), *claim)
    assert fewer.verdict == "holds" and fewer.estimate == pytest.approx(-10.0)
    # Student's interval by hand: differences -0.10, -0.09, -0.11, half width 4.303 * 0.01 / sqrt(3).
    assert fewer.high - fewer.low == pytest.approx(2 * 100 * 4.3027 * 0.01 / 3**0.5, rel=1e-4)
    assert ask_one(_spurious({"sft": [0.1, 0.21, 0.29], "step_dpo": [0.2, 0.3, 0.4]}), *claim).verdict == "contradicted"
    unclear = ask_one(_spurious({"sft": [0.2, 0.3, 0.4], "step_dpo": [0.1, 0.3, 0.45]}), *claim)
    assert unclear.verdict == "inconclusive" and unclear.needed.endswith("more seeds")
    assert "second seed" in ask_one(_spurious({"sft": [0.2], "step_dpo": [0.1]}), *claim).needed
    equal = ask_one(_spurious({"sft": [0.0, 0.0, 0.0], "step_dpo": [0.0, 0.0, 0.0]}), *claim)
    assert (equal.verdict, "are equal" in equal.needed) == ("inconclusive", True)
    nulls = [point(label, 100, 0.3, spurious_share=None) for label in ("sft", "step_dpo")]
    assert ask_one(nulls, *claim).verdict == "not run"


def test_spurious_steps_of_samples_by_sampled_error():
    shares = {"sft": [0.4, 0.5, 0.6], "step_dpo": [0.1, 0.21, 0.29]}
    points = [
        at | {"sampled_rate": 0.4, "spurious_share": 0.2, "sampled_spurious_share": at["spurious_share"]}
        for at in _spurious(shares)
    ]
    claim = (spurious.claims, "fewer spurious")
    assert ask_one(results_of(points).measured_by("sampled"), *claim).estimate == pytest.approx(-30.0)
    assert ask_one(results_of(points), *claim).estimate == 0.0


def _credit(figure: str, setting: tuple[str, str], rates: dict[int, float], usual: int) -> list[Point]:
    """A scan of step_dpo at N = 200 whose usual setting is one of the error-against-N runs."""

    def config(value: int) -> dict:
        return {setting[0]: {setting[1]: value}}

    scan = [
        point("step_dpo", 200, rate, figure=figure, config=config(value))
        for value, rate in rates.items()
        if value != usual
    ]
    size = [point("step_dpo", n, rates[usual], config=config(usual)) for n in (200, 400)]
    return [point("sft", 200, 0.5), *size, *scan]


@pytest.mark.parametrize(
    ("figure", "setting", "usual", "bad", "claim"),
    [
        ("rollout_policy", ("rollout_policy", "epochs"), 5, 20, (credit.over_trained, "over-trained")),
        ("rollouts", ("credit", "rollouts"), 16, 1, (credit.too_few_rollouts, "too few rollouts")),
    ],
)
def test_bad_step_values(figure, setting, usual, bad, claim):
    lost = ask_one(_credit(figure, setting, {usual: 0.3, 10: 0.32, bad: 0.48}, usual), *claim)
    assert lost.verdict == "holds" and lost.estimate == pytest.approx(0.1, abs=0.06)
    assert f"{bad} against {usual}" in lost.note
    retained = ask_one(_credit(figure, setting, {usual: 0.3, 10: 0.32, bad: 0.32}, usual), *claim)
    assert retained.verdict == "contradicted"
    none = ask_one(_credit(figure, setting, {usual: 0.5, bad: 0.5}, usual), *claim)
    assert none.verdict == "inconclusive" and "a gain to lose" in none.needed
    assert ask_one(_credit(figure, setting, {usual: 0.3}, usual), *claim).verdict == "not run"
    half = _credit(figure, setting, {usual: 0.3, bad: 0.4}, usual)
    assert ask_one(half, *claim, tested=300).verdict == "inconclusive"


def _star(rates: dict[str, float], size: int = 800, **fields) -> list[Point]:
    config = {"task": {"degree": 2}}
    return [point(label, size, rate, task="star_graph", config=config, **fields) for label, rate in rates.items()]


def test_star_graph():
    results = results_of([*_star({"sft": 0.52, "rft": 0.3, "step_dpo": 0.2}), *_star({"sft": 0.9}, size=50)])
    assert ask_one(results, star_graph.claims, "sft stays").verdict == "holds"
    assert ask_one(results, star_graph.claims, "rft stays").verdict == "contradicted"
    past = ask_one(results, star_graph.claims, "step_dpo gets past")
    assert past.verdict == "holds" and past.estimate == pytest.approx(30, abs=3) and past.task == "star_graph"
    assert len(claims(Studies(results, DRAWS))) == 3  # the other claims are about other tasks
    few = results_of(_star({"sft": 0.5, "step_dpo": 0.5}), tested=100)
    assert ask_one(few, star_graph.claims, "sft stays").verdict == "inconclusive"
    assert ask_one(few, star_graph.claims, "step_dpo gets past").verdict == "inconclusive"
    assert ask_one(few, star_graph.claims, "rft stays").verdict == "not run"
    behind = results_of(_star({"step_dpo": 0.7, "step_dpo, 1 epoch": 0.2}))
    assert ask_one(behind, star_graph.claims, "step_dpo gets past").verdict == "contradicted"


def test_variants_of_the_star_graph_have_separate_claims():
    variant = _star({"step_dpo, 1 epoch": 0.2}, method="step_dpo")
    results = results_of([*_star({"step_dpo": 0.7}), *variant])
    assert ask_one(results, star_graph.claims, "step_dpo, 1 epoch gets past").verdict == "holds"


def test_each_task_has_a_ledger():
    points = [*SFT, *curve("sft", 5.0, 0.0, task="collect"), *_star({"sft": 0.5})]
    result = claims(Studies(results_of(points), DRAWS))
    by_task = {task: sum(one.task == task for one in result) for task in ("maze", "collect", "star_graph")}
    assert by_task == {"maze": 19, "collect": 19, "star_graph": 3}
    falls = {one.task: one.verdict for one in result if "falls with N" in one.claim}
    assert falls["maze"] == "holds" and falls["collect"] != "holds"


# --- the kappa of a grid, the committed rows, and the command


def _grid(kappas: dict[str, float]) -> list[Point]:
    """Points on 4 (P + kappa M)^-0.5, three sizes by four numbers of negatives, with the baseline where M = 0."""
    result = []
    for n in (200, 400, 800):
        result.append(point("sft", n, 4 * n**-0.5))
        for label, kappa in kappas.items():
            for j in (1, 2, 4, 8):
                rate = 4 * (n + kappa * n * j) ** -0.5
                result.append(point(label, n, rate, figure="grid", negatives=j, negatives_used=n * j))
    return result


def test_exchange_rates():
    results = results_of(_grid({"step_dpo": 0.6, "step_sft": 0.2}), tested=4000)
    rate, control = (
        ask_one(results, negatives.exchange_rates, "a negative of step_dpo"),
        ask_one(results, negatives.exchange_rates, "correct continuation alone"),
    )
    assert rate.verdict == control.verdict == "holds"
    assert rate.low < 0.6 < rate.high and control.low < 0.2 < control.high
    subset = ask_one(results, negatives.exchange_rates, "adds to that")
    assert subset.verdict == "holds" and subset.estimate == pytest.approx(rate.estimate - control.estimate)
    none = results_of(_grid({"step_dpo": 0.0, "step_sft": 0.3}), tested=4000)
    assert ask_one(none, negatives.exchange_rates, "a negative of step_dpo").verdict == "contradicted"
    assert ask_one(none, negatives.exchange_rates, "adds to that").verdict == "contradicted"
    assert ask_one(_grid({"step_dpo": 0.3}), negatives.exchange_rates, "adds to that").verdict == "not run"


def test_the_committed_rows():
    ledger = {one.claim: one for one in claims(Studies(load(MAZE), DRAWS))}
    verdicts = {claim: one.verdict for claim, one in ledger.items()}
    assert verdicts["test error of sft falls with N"] == "holds"
    assert verdicts["sizes two apart are distinguishable"] == "holds"
    assert verdicts["self-generated positives match sft on about 2x as much teacher data"] == "holds"
    assert verdicts["per-step negatives match sft on about 8x as much teacher data"] == "contradicted"
    assert verdicts["randomly paired negatives (dpo) are no gain over sft"] == "holds"
    assert verdicts["too many self-generated positives per problem increase test error"] == "inconclusive"
    assert verdicts["per-step negatives gain more on hard problems"] == "not run"


def test_the_command_prints_a_table_and_json(simulated, capsys):
    assert main(["claims", str(simulated), "--draws", "200", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {one["verdict"] for one in result} >= {"holds", "not run"}
    assert {"claim", "verdict", "estimate", "low", "high", "unit", "figure", "needed", "note", "rule"} <= set(result[0])
    assert main(["claims", str(simulated), "--draws", "200"]) == 0
    shown = capsys.readouterr().out
    assert "Claims on maze" in shown and "Claims on star_graph" in shown and "not run" in shown


def test_folders_are_joined(tmp_path, write_run, capsys):
    for folder, task in (("one", "maze"), ("two", "star_graph")):
        write_run(tmp_path / folder, 0.3, task=task, run=folder)
    assert main(["claims", str(tmp_path / "one"), str(tmp_path / "two"), "--draws", "50"]) == 0
    assert main(["claims", str(tmp_path / "one"), str(tmp_path / "one")]) == 2
    assert capsys.readouterr().err == "analysis: run one is in two of the folders\n"
    write_run(tmp_path / "three", 0.3, tested=50, run="three")
    with pytest.raises(InputError, match="different test problems of task maze"):
        joined([load(tmp_path / "one"), load(tmp_path / "three")])
    assert main(["claims", str(tmp_path / "one"), "--draws", "0"]) == 2
    assert "--draws" in capsys.readouterr().err
