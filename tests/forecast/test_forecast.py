"""The forecast of the stages, FLOPs and time of a launch."""

import json
import math
from pathlib import Path

import pytest

from synth_scaling.forecast.duration import PACKAGED, Rates, forecast
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.sweep.compose import runs_of


def made(store: Path, *stages: tuple[str, float, float]) -> Path:
    store.mkdir()
    lines = [json.dumps({"stage": kind, "flops": flops, "seconds": seconds}) for kind, flops, seconds in stages]
    (store / "made.jsonl").write_text("\n".join(lines) + "\n")
    return store


def test_a_duration_is_that_of_similar_stages_of_the_kind(tmp_path: Path) -> None:
    store = made(
        tmp_path / "store", ("policy", 1e9, 1.0), ("policy", 2e9, 1.0), ("policy", 1e12, 100.0), ("base", 0.0, 3.0)
    )
    rates = Rates(store)
    assert rates.seconds("policy", 3e9) == (pytest.approx(2.0), False)  # the two small ones: 3e9 FLOPs in 2 s
    assert rates.seconds("policy", 5e11) == (pytest.approx(50.0), False)
    assert rates.seconds("policy", 0.0) == (0.0, False)
    assert rates.seconds("policy", 1e19)[0] == math.inf
    assert rates.seconds("base", 5e12)[1]  # from the package: the store has none with FLOPs


def test_a_forward_pass_of_the_trainer_takes_the_rate_of_a_training_until_one_is_measured(tmp_path: Path) -> None:
    before = made(tmp_path / "before", ("policy", 4e10, 2.0))
    after = made(tmp_path / "after", ("policy", 4e10, 2.0), ("reference_logprobs", 3e10, 6.0))
    assert Rates(before).seconds("reference_logprobs", 2e10) == (pytest.approx(1.0), False)
    assert Rates(after).seconds("reference_logprobs", 2e10) == (pytest.approx(4.0), False)


def test_the_rates_of_the_package_are_of_every_kind_and_plausible_for_a_core() -> None:
    lines = [json.loads(line) for line in PACKAGED.read_text().splitlines()]
    assert {line["stage"] for line in lines} == {"base", "policy", "responses", "step_values"}
    assert all(1e9 < line["flops"] / line["seconds"] < 1e12 for line in lines)


def test_stages_of_done_runs_are_not_computed_again(tmp_path: Path) -> None:
    runs = runs_of("config", ["method=rft,step_dpo", "hydra/sweeper=grid"])
    first = forecast(runs, [], tmp_path)
    assert (first.stages, first.requests, first.packaged) == (11, 15, True)
    assert first.seconds is not None and len(first.seconds) == 2 and min(first.seconds) > 0
    assert "11 stages to compute (requested 15 times), about " in first.line(1)
    assert first.line(1).endswith(" with 1 worker; rates that come with the package, measured on two CPU cores")
    kinds = [
        (kind, 10.0**n, 10.0**n / 1e9) for kind in ("base", "policy", "responses", "step_values") for n in range(8, 14)
    ]
    stored = {stage.key for stage in stages_of(runs[0])}
    left = forecast(runs[1:], stored, made(tmp_path / "store", *kinds))
    assert (left.stages, left.requests, left.packaged) == (4, 8, False)
    assert left.seconds == pytest.approx((left.flops / 1e9,)) and left.line(2).endswith("with 2 workers")
    done = forecast(runs[:1], stored, tmp_path)
    assert done.line(1) == "nothing is left to compute: every stage is in the store"
