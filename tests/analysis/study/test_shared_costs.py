"""Costs of runs that share stages, small enough to add up by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.errors import InputError
from analysis.study.costs import Spent, study_cost
from tests.support.made_rows import point, results_of

STAR_GRAPH = str(Path(__file__).parents[3] / "results" / "star_graph")

# name of the stage in the run, its hash, its FLOPs, its seconds
SFT = [("base", "b", 1000.0, 100.0), ("policy", "p1", 10.0, 1.0)]
DPO = [("base", "b", 1000.0, 100.0), ("pi_sft", "s", 6.0, 2.0), ("policy", "p3", 30.0, 5.0)]
RFT = [*DPO[:2], ("initial_policy", "s", 6.0, 2.0), ("policy", "p2", 20.0, 3.0)]  # pi_sft goes by two names


def results(*runs):
    """Results of runs (label, stages)."""
    built = results_of([point(label, 100 + place, 0.5, seeds=1) for place, (label, _) in enumerate(runs)], tested=20)
    for field in ("hashes", "costs", "seconds"):
        built.rows[field] = [
            {name: _of(field, *rest) for name, *rest in runs[size - 100][1]} for size in built.rows["problems"]
        ]
    return built


def _of(field, digest, flops, seconds):
    costs = {"flops_training": flops / 4, "flops_sampling": 3 * flops / 4}
    return {"hashes": digest, "costs": costs, "seconds": seconds}[field]


def test_shared_stages_are_counted_once_and_split():
    cost = study_cost(results(("sft", SFT), ("rft", RFT), ("dpo", DPO)), ("base",))
    result = {one.label: one for one in cost.labels}
    assert result["sft"].alone == result["sft"].shared == result["sft"].exclusive == Spent(10.0, 1.0)
    assert (result["rft"].alone, result["rft"].shared, result["rft"].exclusive) == (
        Spent(26, 5),
        Spent(23, 4),
        Spent(20, 3),
    )
    assert (result["dpo"].alone, result["dpo"].shared, result["dpo"].exclusive) == (
        Spent(36, 7),
        Spent(33, 6),
        Spent(30, 5),
    )
    assert cost.alone == Spent(72.0, 13.0) and cost.once == Spent(66.0, 11.0)


def test_pretraining_is_a_stage_like_others_unless_left_out():
    cost = study_cost(results(("sft", SFT), ("rft", RFT), ("dpo", DPO)))
    assert cost.alone == Spent(3072.0, 313.0) and cost.once == Spent(1066.0, 111.0)
    assert cost.labels[0].exclusive == Spent(30.0, 5.0)  # the base is every label's


def test_runs_of_one_label_share_among_themselves():
    cost = study_cost(results(("dpo", DPO), ("dpo", DPO)), ("base",))
    (dpo,) = cost.labels
    assert (dpo.runs, dpo.alone, dpo.shared, dpo.exclusive) == (2, Spent(72, 14), Spent(36, 7), Spent(36, 7))


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sets(st.integers(0, 6))), min_size=1, max_size=6))
def test_shares_add_up_to_the_computed_stages(runs):
    stages = {i: (f"stage{i}", str(i), float(2**i), float(3**i)) for i in range(7)}
    cost = study_cost(results(*[(label, [stages[i] for i in used]) for label, used in runs]))
    shared = sum((one.shared for one in cost.labels), Spent())
    every = {i for _, used in runs for i in used}
    assert cost.once == Spent(sum(2.0**i for i in every), sum(3.0**i for i in every))
    assert asdict(shared) == pytest.approx(asdict(cost.once))
    for one in cost.labels:
        assert one.exclusive.flops <= one.shared.flops * (1 + 1e-9) and one.shared.flops <= one.alone.flops * (1 + 1e-9)


def test_rows_without_costs_are_refused():
    with pytest.raises(InputError, match="the rows do not record their costs, hashes, seconds"):
        study_cost(results_of([point("sft", 100, 0.5)], tested=20))
    some = results(("sft", SFT), ("rft", RFT))
    some.rows.at[0, "costs"] = float("nan")  # as in a row without the field among rows with it
    with pytest.raises(InputError, match=r"run .* does not record the hashes, costs and seconds"):
        study_cost(some)


def test_the_command_prints_the_saving_of_the_large_study(capsys):
    assert main(["costs", STAR_GRAPH]) == 0
    shown = capsys.readouterr().out
    assert "step_dpo, pi_sft of 1 epoch" in shown
    without, including = shown.splitlines()[-2:]
    assert main(["costs", STAR_GRAPH, "--json"]) == 0
    message = json.loads(capsys.readouterr().out)
    for line, words in ((without, "without_pretraining"), (including, "with_pretraining")):
        once, alone = message[words]["once"], message[words]["alone"]
        assert line == (
            f"{words.replace('_', ' ')}: {once['flops']:.3g} of {alone['flops']:.3g} FLOPs "
            f"({once['flops'] / alone['flops']:.3f}), {once['seconds']:,.0f} of {alone['seconds']:,.0f} s "
            f"({once['seconds'] / alone['seconds']:.3f})"
        )
    assert sum(one["runs"] for one in message["with_pretraining"]["labels"]) == 60
