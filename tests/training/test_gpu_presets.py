"""Features of the trainers that presets for GPUs use, on CPU: sharding with adapter and checkpointing, and bfloat16."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import LoRAOptions
from synth_scaling.training.trainer import Training, arguments

Trained = Callable[..., Training]
Weights = dict[str, torch.Tensor]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "curve.jsonl").read_text().splitlines()]


def in_one_and_two(
    rows: list[NLLRow] | list[PreferenceRow],
    training: Trained,
    folder: Path,
    preference: Preference | None,
    **options: object,
) -> tuple[list[float], list[float], Weights, Weights]:
    """Curves and weights of one process with these options and of two that share the model out."""
    for name, more in (("one", {}), ("two", {"num_processes": 2, "sharding": "fsdp"})):
        (folder / name).mkdir()
        train(rows, training(**options, **more), folder / name, preference)
    files = (load_file(folder / name / "model.safetensors") for name in ("one", "two"))
    return losses(folder / "one"), losses(folder / "two"), *files


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 4], ids=["full", "adapter"])
def test_a_sharded_dpo_with_checkpointing_is_that_of_one_process(
    step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path, rank: int
) -> None:
    """Its reference too: read in full by each process, or the sharded model without its adapter."""
    one, two, start, end = in_one_and_two(
        step_pairs[:32],
        training,
        tmp_path,
        Preference(beta=0.5, nll=0.0),
        gradient_checkpointing=True,
        lora=LoRAOptions(rank=rank),
    )
    assert len(one) == 6 and one[0] == pytest.approx(np.log(2), abs=1e-4)  # the policy begins as its reference
    assert two == pytest.approx(one, abs=1e-3)
    for name, value in start.items():
        assert torch.allclose(end[name], value, atol=1e-3), name


@pytest.mark.slow
def test_a_sharded_adapter_in_bfloat16_learns_as_in_one_process(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    one, two, start, end = in_one_and_two(
        nll_rows[:32], training, tmp_path, None, dtype="bfloat16", gradient_checkpointing=True, lora=LoRAOptions(rank=4)
    )
    assert two == pytest.approx(one, abs=0.02)  # bfloat16 has three digits
    assert end.keys() == start.keys() and all(value.dtype == torch.bfloat16 for value in end.values())


def test_small_steps_are_not_lost_in_bfloat16(
    nll_rows: list[NLLRow], training: Trained, random_model: Path, tmp_path: Path
) -> None:
    """At a DPO learning rate a step is below bfloat16's spacing; the float32 weights gather many of them."""
    received = training(learning_rate=2e-5, epochs=100, dtype="bfloat16", weight_decay=0.0, schedule="constant")
    train(nll_rows[:8], received, tmp_path)
    before, after = load_file(random_model / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    moved = (after[name].float() - before[name].to(torch.bfloat16).float()).abs()
    # 100 steps of 2e-5 in Adam: up to 2e-3, against weights of 0.02 with a spacing of up to 1.2e-4
    assert after[name].dtype == torch.bfloat16
    assert float((moved > 5e-4).float().mean()) > 0.8  # 0.30 with bfloat16 weights


def test_a_sharded_training_sets_the_options_of_fsdp(training: Trained, tmp_path: Path) -> None:
    def received(**options: object) -> dict:
        return arguments(training(num_processes=2, gradient_checkpointing=True, **options), tmp_path)

    alone, full, adapter = received(), received(sharding="fsdp"), received(sharding="fsdp", lora=LoRAOptions(rank=4))
    assert alone["gradient_checkpointing"] and "fsdp" not in alone
    assert not full["gradient_checkpointing"] and full["fsdp_config"]["activation_checkpointing"]
    assert full["fsdp_config"]["state_dict_type"] == "SHARDED_STATE_DICT"
    # A reference that TRL reads itself would be empty in all processes but one.
    assert not full["fsdp_config"]["cpu_ram_efficient_loading"]
    assert adapter["fsdp_config"]["cpu_ram_efficient_loading"]
