"""Training processes are killed or terminated, and resumed: the weights equal those of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.core.records import NLLRow, PreferenceRow, write_table
from synth_scaling.system.failures import ChildFailed, Reason, reason
from synth_scaling.system.signals import EXIT_CODE
from synth_scaling.training.checkpoints import latest
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.trainer import RESUME, Training

pytestmark = pytest.mark.slow

EVERY_STEP = 1e-9  # minutes


class Apart:
    """Trainings by apart.py, one in each folder of the same rows and options."""

    def __init__(self, root: Path, start: Path, rows: list[NLLRow], epochs: float, **options: Any) -> None:
        self.root, self.rows = root, rows
        chosen = {"batch_size": 8, "logging_steps": 1, "checkpoint_minutes": EVERY_STEP} | options
        self.told = {"start": str(start), "epochs": epochs, "options": chosen}

    def begin(self, name: str, what: str) -> subprocess.Popen:
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        (folder / "apart.json").write_text(json.dumps(self.told))
        write_table(folder / "given.parquet", self.rows, NLLRow)
        command = [sys.executable, str(Path(__file__).parents[1] / "support" / "apart.py"), str(folder), what]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self, name: str) -> bytes:
        """Train to the end what is there; the weights."""
        for path in (self.root / name / "work").glob("*.*"):  # as the store does: all but what is to be kept goes
            path.unlink()
        child = self.begin(name, "start")
        assert child.communicate()[0] == "done\n" and child.returncode == 0
        return (self.root / name / "work" / "model.safetensors").read_bytes()

    def checkpoint(self, name: str) -> str | None:
        actual = latest(self.root / name / "work" / RESUME)
        return actual and actual.name

    def working(self, name: str) -> list[int]:
        """The processes of torchrun and its workers."""
        return [pid for pid, line in command_lines() if str(self.root / name / "work") in line]


def command_lines() -> list[tuple[int, str]]:
    actual = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            actual.append((int(entry.parent.name), entry.read_text(errors="replace").replace("\0", " ")))
        except OSError:  # it has ended
            continue
    return actual


def wait_until(happened: Callable[[], object], alive: Callable[[], bool] = lambda: True) -> None:
    while not happened():
        assert alive()
        time.sleep(0.01)


def said(child: subprocess.Popen) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def test_a_process_that_is_killed(random_model: Path, nll_rows: list[NLLRow], tmp_path: Path) -> None:
    trainings = Apart(tmp_path, random_model, nll_rows, 1.4, length_grouped=True)
    child = trainings.begin("killed", "block")
    assert said(child) == "here\n"
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert trainings.checkpoint("killed") == "checkpoint-2"
    assert trainings.finish("killed") == trainings.finish("whole")


def test_a_process_that_receives_a_termination_signal(
    random_model: Path, nll_rows: list[NLLRow], tmp_path: Path
) -> None:
    """It ends after its step, with a checkpoint, though none is due for hours."""
    trainings = Apart(tmp_path, random_model, nll_rows, 1.4, checkpoint_minutes=600)
    child = trainings.begin("stopped", "stop")
    assert said(child) == "here\n"
    child.terminate()
    assert child.wait() == EXIT_CODE
    assert trainings.checkpoint("stopped") == "checkpoint-4"  # the signal came between two steps
    assert trainings.finish("stopped") == trainings.finish("whole")


@pytest.mark.parametrize("sharding", ["none", "fsdp"])
def test_two_processes_that_are_killed_or_terminated(
    random_model: Path, nll_rows: list[NLLRow], sharding: str, tmp_path: Path
) -> None:
    """Killed is the process that started them: they end with it. Then the signal is passed on to them."""
    # 5 steps an epoch and 40 in all: it is stopped in the middle, most likely of an epoch.
    trainings = Apart(tmp_path, random_model, nll_rows, 8, num_processes=2, sharding=sharding, length_grouped=True)
    child = trainings.begin("broken", "start")
    wait_until(lambda: trainings.checkpoint("broken"), lambda: child.poll() is None)
    child.kill()
    child.wait()
    wait_until(lambda: not trainings.working("broken"))
    first = trainings.checkpoint("broken")
    child = trainings.begin("broken", "start")
    wait_until(lambda: trainings.checkpoint("broken") != first, lambda: child.poll() is None)
    child.terminate()
    assert child.wait() == EXIT_CODE
    assert not trainings.working("broken")
    second = trainings.checkpoint("broken")
    assert first is not None and second is not None and int(first[11:]) < int(second[11:]) < 40
    assert trainings.finish("broken") == trainings.finish("whole")
    curves = [(tmp_path / name / "work" / "curve.jsonl").read_text() for name in ("broken", "whole")]
    assert curves[0] == curves[1] and len(curves[0].splitlines()) == 40


def train_and_kill(
    rows: list[NLLRow] | list[PreferenceRow], training: Training, folder: Path, preference: Preference | None, step: int
) -> Reason:
    """One of the processes is killed as by the kernel, for its memory, after the checkpoint of `step`; what is said."""
    over = threading.Event()

    def kill() -> None:
        """torchrun came first, and then its workers."""
        wait_until(lambda: over.is_set() or ((actual := latest(training.resume)) and int(actual.name[11:]) >= step))
        if not over.is_set():
            os.kill(max(pid for pid, line in command_lines() if f"training.launch {folder}" in line), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        with pytest.raises(ChildFailed) as caught:
            train(rows, training, folder, preference)
    finally:
        over.set()
    killer.join()
    actual = reason(caught.value)
    assert actual.kind == "out_of_memory", caught.value
    return actual


def test_one_of_two_processes_that_is_killed_for_its_memory(
    random_model: Path, nll_rows: list[NLLRow], tmp_path: Path
) -> None:
    options = TrainerOptions(batch_size=8, logging_steps=1, checkpoint_minutes=EVERY_STEP, num_processes=2)
    training = Training(random_model, 400, 1e-3, 0, options, resume=tmp_path / RESUME)
    assert "one of the 2 processes" in train_and_kill(nll_rows, training, tmp_path, None, 1).line


PREFERENCE = Preference(beta=0.5, nll=1.0)
SHARED_OUT: dict[str, tuple[Preference | None, dict]] = {
    "rows, adapter with dropout": (None, {"lora": LoRAOptions(rank=4, dropout=0.2), "gradient_accumulation": 2}),
    "pairs": (PREFERENCE, {"dtype": "bfloat16", "gradient_checkpointing": True}),
    "pairs, adapter": (PREFERENCE, {"lora": LoRAOptions(rank=4), "length_grouped": True}),
}


@pytest.mark.parametrize(("preference", "options"), SHARED_OUT.values(), ids=SHARED_OUT)
def test_two_processes_that_share_a_model_out(
    random_model: Path,
    nll_rows: list[NLLRow],
    step_pairs: list[PreferenceRow],
    preference: Preference | None,
    options: dict,
    tmp_path: Path,
) -> None:
    """They are killed in the second epoch of eight, or later. A point of the curve is the mean of three steps."""
    rows: Any = nll_rows if preference is None else step_pairs
    chosen = TrainerOptions(batch_size=8, logging_steps=3, num_processes=2, sharding="fsdp", **options)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    once = Training(random_model, 8, 1e-3, 0, chosen)
    again = replace(once, options=replace(chosen, checkpoint_minutes=EVERY_STEP), resume=broken / RESUME)
    train_and_kill(rows, again, broken, preference, 6)
    checkpoint = latest(again.resume, 2)
    assert checkpoint is not None and 6 <= int(checkpoint.name[11:]) < 40
    assert not any(path.is_dir() or path.suffix == ".metadata" for path in checkpoint.iterdir())
    assert latest(again.resume, 4) is None
    one, other = (checkpoint / f"part-{i}.safetensors" for i in range(2))
    assert one.read_bytes() != other.read_bytes()  # a model that each process holds in full would give the same twice
    part = checkpoint / "part-1.pt"
    complete = part.read_bytes()
    part.write_bytes(complete[:-1])
    assert latest(again.resume, 2) is None
    part.write_bytes(complete)
    first = json.loads((broken / "curve.jsonl").read_text().splitlines()[0])
    going_on = replace(chosen, max_loss=0.999 * first["loss"])  # it would end a training that begins again
    train(rows, replace(again, options=going_on), broken, preference)
    train(rows, once, whole, preference)
    for name in ("curve.jsonl", "model.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
