"""A training that ended early resumes from its last checkpoint: the same weights, bit for bit, and the same curve."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from synth_scaling.core.hashing import key_of
from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.models.tiny_llama import TinyLlama
from synth_scaling.tasks.maze import Maze
from synth_scaling.training.checkpoints import SHA256, SIZES, latest
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.pretrain import pretrain
from synth_scaling.training.trainer import RESUME, Training

Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]
EVERY_STEP = 1e-9  # minutes
PREFERENCE = Preference(beta=0.5, nll=1.0)


class Died(Exception):
    pass


def dying_at(step: int) -> Callable[[Mapping[str, float]], None]:
    """Hears of a point before the checkpoint of its step is written: the last one is of the step before."""

    def hear(point: Mapping[str, float]) -> None:
        if point["step"] == step:
            raise Died

    return hear


def clear(folder: Path) -> None:
    """Remove everything but `resume`, as the store does before another attempt."""
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


# 40 rows in batches of 8 are 5 steps an epoch and 13 in all. A point is logged every third step, so it dies at steps 3,
# 6 and 9: the checkpoints are in the middle of an epoch, at its end, and in the next epoch.
CASES: dict[str, dict] = {
    "all weights": {},
    "shuffled by length, with dropout": {"length_grouped": True, "lora": LoRAOptions(rank=4, dropout=0.2)},
    "packed micro-batches": {"packing": True, "gradient_accumulation": 2},
    "uneven micro-batches": {"length_grouped": True, "batch_size": 6, "gradient_accumulation": 3},
}
PAIRS = {name: options for name, options in CASES.items() if "packing" not in options}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_nll(nll_rows: list[NLLRow], options: dict, training: Trained, weights: Weights, tmp_path: Path) -> None:
    ends_the_same(nll_rows, None, options, training, weights, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("options", PAIRS.values(), ids=PAIRS)
def test_pairs(
    step_pairs: list[PreferenceRow], options: dict, training: Trained, weights: Weights, tmp_path: Path
) -> None:
    ends_the_same(step_pairs, PREFERENCE, options, training, weights, tmp_path)


def ends_the_same(
    rows: list, preference: Preference | None, options: dict, training: Trained, weights: Weights, folder: Path
) -> None:
    chosen: dict = {"batch_size": 8, "logging_steps": 3, "checkpoint_minutes": EVERY_STEP} | options
    whole, broken = folder / "whole", folder / "broken"
    heard: list[Mapping[str, float]] = []
    for path in (whole, broken):
        path.mkdir()
    once = training(epochs=2.5, **chosen | {"checkpoint_minutes": 0})
    train(rows, once, whole, preference)
    assert latest(whole / RESUME) is None
    again = Training(once.start, 2.5, 1e-3, 0, TrainerOptions(**chosen), resume=broken / RESUME)
    for death in (3, 6, 9):
        with pytest.raises(Died):
            train(rows, again, broken, preference, dying_at(death))
        assert [path.name for path in (broken / RESUME).iterdir()] == [f"checkpoint-{death - 1}"]
        clear(broken)
    train(rows, again, broken, preference, heard.append)
    assert weights(broken) == weights(whole)
    assert (broken / "curve.jsonl").read_text() == (whole / "curve.jsonl").read_text()
    assert heard == [json.loads(line) for line in (whole / "curve.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_pretraining(small_maze: Maze, weights: Weights, tmp_path: Path) -> None:
    def made(folder: Path, minutes: float, curve: Callable = lambda point: None) -> bytes:
        folder.mkdir(exist_ok=True)
        pretrain(
            small_maze,
            TinyLlama(width=64, layers=2, heads=2, feedforward=64),
            folder,
            documents=1000,
            batch_size=4,
            learning_rate=3e-3,
            trainer=TrainerOptions(checkpoint_minutes=minutes),
            seed=0,
            threads=1,
            curve=curve,
        )
        return weights(folder)

    with pytest.raises(Died):
        made(tmp_path / "broken", EVERY_STEP, dying_at(100))
    clear(tmp_path / "broken")
    (source,) = (tmp_path / "broken" / RESUME).iterdir()
    assert source.name == "checkpoint-99"
    assert made(tmp_path / "broken", 5) == made(tmp_path / "whole", 0)


def test_a_damaged_checkpoint_is_passed_over(
    nll_rows: list[NLLRow], training: Trained, weights: Weights, tmp_path: Path
) -> None:
    once = training(checkpoint_minutes=EVERY_STEP)
    first = Training(once.start, 1, 1e-3, 0, once.options, resume=tmp_path / RESUME)
    with pytest.raises(Died):
        train(nll_rows, first, tmp_path, curve=dying_at(3))
    (checkpoint,) = (tmp_path / RESUME).iterdir()
    assert latest(tmp_path / RESUME) == checkpoint
    optimiser = checkpoint / "optimizer.pt"
    optimiser.write_bytes(optimiser.read_bytes()[:-1])
    assert latest(tmp_path / RESUME) is None
    train(nll_rows, first, tmp_path)
    (tmp_path / "whole").mkdir()
    train(nll_rows, Training(once.start, 1, 1e-3, 0, TrainerOptions(batch_size=16)), tmp_path / "whole")
    assert weights(tmp_path) == weights(tmp_path / "whole")


CHANGES: dict[str, Callable[[Path], object]] = {
    "weights": lambda folder: flip(folder / "model.safetensors"),
    "optimizer": lambda folder: flip(folder / "optimizer.pt"),
    "random states": lambda folder: flip(folder / "rng_state.pth"),
    "state of the trainer": lambda folder: flip(folder / "trainer_state.json"),
    "digests": lambda folder: flip(folder / SHA256),
    "sizes": lambda folder: (folder / SIZES).write_text("{"),
}


def flip(file: Path) -> None:
    """Change a byte in the middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def early(folder: Path, file: str) -> None:
    """A checkpoint without SHA-256, with a file of the same size that cannot be loaded."""
    (folder / file).write_bytes(b"\0" * (folder / file).stat().st_size)
    without_digests(folder)


def without_digests(folder: Path) -> None:
    (folder / SHA256).unlink()
    sizes = json.loads((folder / SIZES).read_text())
    (folder / SIZES).write_text(json.dumps({file: size for file, size in sizes.items() if file != SHA256}))


@pytest.fixture(scope="module")
def stopped(nll_rows: list[NLLRow], training: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that died, with a checkpoint of step 2 of 3."""
    folder = tmp_path_factory.mktemp("stopped")
    once = training(checkpoint_minutes=EVERY_STEP)
    with pytest.raises(Died):
        train(nll_rows, resumed(once, folder), folder, curve=dying_at(3))
    clear(folder)
    return folder


def resumed(once: Training, folder: Path) -> Training:
    return Training(once.start, 1, 1e-3, 0, once.options, resume=folder / RESUME)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_checkpoint_with_changed_bytes_is_reported_and_not_used(
    change: Callable[[Path], object], stopped: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(stopped / RESUME, tmp_path / RESUME)
    assert latest(tmp_path / RESUME) is not None
    change(tmp_path / RESUME / "checkpoint-2")
    assert latest(tmp_path / RESUME) is None
    (line,) = caplog.messages
    assert "checkpoint-2 is damaged and is not used" in line and "\n" not in line


def test_a_checkpoint_that_cannot_be_loaded_is_removed_and_the_training_starts_without_it(
    stopped: Path,
    nll_rows: list[NLLRow],
    training: Trained,
    weights: Weights,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of an early version: nothing tells that its bytes have changed."""
    whole = tmp_path / "whole"
    whole.mkdir()
    once = training(checkpoint_minutes=EVERY_STEP)
    train(nll_rows, Training(once.start, 1, 1e-3, 0, TrainerOptions(batch_size=16)), whole)
    for file in ("model.safetensors", "optimizer.pt", "trainer_state.json", "training-0.json"):
        folder = tmp_path / file
        shutil.copytree(stopped, folder)
        early(folder / RESUME / "checkpoint-2", file)
        caplog.clear()
        train(nll_rows, resumed(once, folder), folder)
        assert weights(folder) == weights(whole)
        (line,) = [message for message in caplog.messages if "not used" in message]
        assert "checkpoint-2 cannot be loaded and is not used" in line and "\n" not in line


def test_a_checkpoint_of_an_early_version_has_sizes_alone_and_is_used(stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped / RESUME, tmp_path / RESUME)
    without_digests(tmp_path / RESUME / "checkpoint-2")
    assert latest(tmp_path / RESUME) == tmp_path / RESUME / "checkpoint-2"


def test_a_checkpoint_holds_no_pickle_of_arguments_and_a_short_training_writes_none(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    often = training(checkpoint_minutes=EVERY_STEP)
    train(nll_rows, Training(often.start, 1, 1e-3, 0, often.options, resume=tmp_path / RESUME), tmp_path)
    (checkpoint,) = (tmp_path / RESUME).iterdir()
    assert checkpoint.name == "checkpoint-2"  # of 3 steps: the last one writes the result
    assert {path.suffix for path in checkpoint.iterdir()} == {".json", ".safetensors", ".pt", ".pth"}
    (tmp_path / "short").mkdir()
    resume = tmp_path / "short" / RESUME
    train(nll_rows, Training(often.start, 1, 1e-3, 0, TrainerOptions(), resume=resume), tmp_path / "short")
    assert not resume.exists()


def test_how_often_checkpoints_are_written_is_in_no_hash() -> None:
    assert key_of(TrainerOptions(checkpoint_minutes=0, max_loss=5.0)) == key_of(TrainerOptions())
