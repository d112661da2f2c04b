"""Training in two processes (gloo) gives the loss curve of one: shared batches, or a model that is cut up as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import LoRAOptions
from synth_scaling.training.trainer import Training

pytestmark = pytest.mark.slow

Trained = Callable[..., Training]


OPTIONS: dict[str, dict] = {
    "ddp": {},
    "fsdp-lora": {"sharding": "fsdp", "lora": LoRAOptions(rank=4)},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_nll_in_two_processes_is_that_of_one(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path, options: dict
) -> None:
    # Weights, and rows that do not all end: the processes' shares hold unlike numbers of trained tokens.
    rows = [NLLRow(r.prompt, r.completion, r.ends, (0.5,) * (len(r.completion) + r.ends)) for r in nll_rows[:32]]
    same_curves(rows, training, tmp_path, None, options)


def test_dpo_in_two_processes_is_that_of_one(
    step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path
) -> None:
    same_curves(step_pairs[:32], training, tmp_path, Preference(beta=0.5, nll=0.0), {})


def same_curves(
    rows: list[NLLRow] | list[PreferenceRow],
    training: Trained,
    folder: Path,
    preference: Preference | None,
    options: dict,
) -> None:
    alone = {name: value for name, value in options.items() if name != "sharding"}
    heard: list[float] = []
    curves, weights = [], []
    for name, chosen in (("one", alone), ("two", options | {"num_processes": 2})):
        (folder / name).mkdir()
        cost = train(rows, training(**chosen), folder / name, preference, lambda point: heard.append(point["loss"]))
        assert cost.tokens_trained > 0
        curves.append([json.loads(line)["loss"] for line in (folder / name / "curve.jsonl").read_text().splitlines()])
        weights.append(load_file(folder / name / "model.safetensors"))
        assert not (folder / name / "job.json").exists()
    one, two = curves
    assert len(one) == 6  # 3 epochs of 32 rows, 16 a step
    assert two == pytest.approx(one, abs=1e-3)
    assert heard == one + two
    assert weights[0].keys() == weights[1].keys()
    for tensor, value in weights[0].items():
        assert weights[1][tensor] == pytest.approx(value, abs=1e-3), tensor


def test_a_failure_in_a_process_is_reported(nll_rows: list[NLLRow], training: Trained, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="training diverged"):
        train(nll_rows, training(learning_rate=1e30, num_processes=2), tmp_path)
