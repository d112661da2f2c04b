"""Device seconds and peak memory of a call that uses a known amount of memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from synth_scaling.core.stage import MEASURED, Cost
from synth_scaling.experiment.store import Store
from synth_scaling.system.usage import measured

MIB = 1 << 20
COUNTED = Cost(tokens_trained=7, flops_training=1.0)


def peak(tmp_path: Path, make) -> int:
    cost, facts = measured(make, 1)(tmp_path)
    assert facts == {"a": 1}
    assert {key: value for key, value in asdict(cost).items() if key not in MEASURED} == {
        key: value for key, value in asdict(COUNTED).items() if key not in MEASURED
    }
    return cost.peak_memory


def holds(mib: int):
    def make(folder: Path):
        memory = bytearray(mib * MIB)
        memory[::4096] = b"x" * len(memory[::4096])  # every page is there
        return COUNTED, {"a": len(memory) // (mib * MIB)}

    return make


def test_the_peak_is_that_of_the_measured_call(tmp_path: Path) -> None:
    low, high, again = (peak(tmp_path, holds(mib)) for mib in (1, 300, 1))
    assert 280 * MIB < high - low < 320 * MIB
    assert abs(again - low) < 40 * MIB  # what came before it is forgotten


def test_children_count(tmp_path: Path) -> None:
    def make(folder: Path):
        work = f"b = bytearray({200 * MIB}); b[::4096] = b'x' * len(b[::4096]); print('there', flush=True); input()"
        child = subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "there\n"
        children.append(child)
        return COUNTED, {"a": 1}

    children: list[subprocess.Popen] = []
    low = peak(tmp_path, holds(1))
    try:
        assert peak(tmp_path, make) - low > 180 * MIB
    finally:
        for child in children:
            child.communicate("\n")


def test_seconds_are_multiplied_by_the_devices(tmp_path: Path) -> None:
    stage = Store(tmp_path, shipped=tmp_path / "none").stage("a", {}, measured(holds(50), 3))
    assert 0 < stage.cost.device_seconds / 3 <= stage.seconds
    assert stage.cost.peak_memory > 50 * MIB and stage.cost.tokens_trained == 7


def test_a_failure_is_raised(tmp_path: Path) -> None:
    def make(folder: Path):
        raise FloatingPointError("diverged")

    with pytest.raises(FloatingPointError, match="diverged"):
        measured(make, 1)(tmp_path)


def test_costs_add_up_and_peaks_do_not() -> None:
    one = Cost(1, 2, 3.0, 4.0, 5, 6.0, 70, 8)
    other = Cost(10, 20, 30.0, 40.0, 50, 60.0, 7, 80)
    assert one + other == other + one == Cost(11, 22, 33.0, 44.0, 55, 66.0, 70, 80)


def test_a_cost_stored_before_there_were_measures_is_read() -> None:
    stored = {"tokens_trained": 1, "tokens_sampled": 2, "flops_training": 3.0, "flops_sampling": 4.0}
    assert Cost(**stored) == Cost(1, 2, 3.0, 4.0, 0, 0.0, 0, 0)
