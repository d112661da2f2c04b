"""What is said of the cost and time of a launch."""

import json
from pathlib import Path

import pytest

from synth_scaling.core.stage import Cost
from synth_scaling.forecast.duration import expected_seconds, forecast, rates
from synth_scaling.forecast.expected_costs import Stage
from synth_scaling.sweep.compose import runs_of


def made(store: Path, *stages: tuple[str, float, float]) -> Path:
    store.mkdir()
    lines = [json.dumps({"stage": kind, "flops": flops, "seconds": seconds}) for kind, flops, seconds in stages]
    (store / "made.jsonl").write_text("\n".join(lines) + "\n")
    return store


def test_rates_are_those_of_all_that_was_made_of_a_kind(tmp_path: Path) -> None:
    store = made(tmp_path / "store", ("policy", 1e9, 1.0), ("policy", 5e9, 2.0), ("base", 0.0, 3.0))
    assert rates(store) == {"policy": 2e9}
    assert rates(tmp_path) == {}


def test_expected_time_is_the_sum_over_kinds_and_unknown_without_a_rate() -> None:
    stages = [
        Stage("pi_sft", "a", Cost(flops_training=4e9)),
        Stage("negative_values", "b", Cost(flops_sampling=3e9)),
        Stage("base", "c", Cost()),  # pretrained elsewhere: nothing to make
    ]
    assert expected_seconds(stages, {"policy": 2e9, "step_values": 1e9}) == pytest.approx(5.0)
    assert expected_seconds(stages, {"policy": 2e9}) is None


def test_what_done_runs_have_made_is_not_to_be_made(tmp_path: Path) -> None:
    runs = runs_of("config", ["method=rft,step_dpo", "hydra/sweeper=grid"])
    store = made(tmp_path / "store", ("base", 1e9, 1.0), ("policy", 1e9, 1.0), ("responses", 1e9, 1.0))
    first = forecast(runs, [], store, 1)
    assert first.startswith("8 stages to make, shared among 11 uses; about ")
    assert first.endswith("is known when some of each kind are made")  # no step values yet
    with open(store / "made.jsonl", "a") as file:
        file.write(json.dumps({"stage": "step_values", "flops": 1e9, "seconds": 1.0}) + "\n")
    left = forecast(runs[1:], runs[:1], store, 2)
    assert left.startswith("3 stages to make, shared among 6 uses; ") and "with 2 workers" in left
