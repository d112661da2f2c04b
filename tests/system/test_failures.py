"""Each fault, as it really comes, gets its word."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from synth_scaling.core.records import NLLRow, read_table, write_table
from synth_scaling.core.validation import ConfigError
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.system.failures import KINDS, LONGEST, ChildFailed, Reason, reason
from synth_scaling.system.signals import Interrupted
from synth_scaling.tasks.maze import Maze
from synth_scaling.training.nll import train_nll
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import RESUME, Training


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield place
    finally:
        # lazy: a writer that failed may hold its file until it is collected
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def rows() -> list[NLLRow]:
    return [NLLRow((5, 6, 7), (8, 9, 10), True)] * 64


def trained(start: Path, folder: Path, rows: list[NLLRow], **options: float) -> Callable[[], object]:
    chosen = TrainerOptions(batch_size=8, logging_steps=1, **options)  # type: ignore[arg-type]
    return lambda: train_nll(rows, Training(start, 1, 1e-3, 0, chosen, resume=folder / RESUME), folder)


# -- disk ----------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_full_at_a_checkpoint(
    small_maze: Maze, rows: list[NLLRow], full_disk: Path, tmp_path: Path
) -> None:
    create_tiny_llama(tmp_path, small_maze, TinyLlama(128, 4, 2, 256), seed=0)  # 3 MB
    actual = reason(raised(trained(tmp_path, full_disk, rows, checkpoint_minutes=1e-9)))
    assert actual.kind == "disk_full", actual
    assert not (full_disk / RESUME).exists()  # what could not be written whole is not there


def test_a_disk_that_is_full_for_other_files(rows: list[NLLRow], full_disk: Path) -> None:
    big = torch.zeros(1_000_000)
    wide = [NLLRow(tuple(range(i, i + 40)), tuple(range(i * i, i * i + 40)), True) for i in range(20_000)]
    for write in (
        lambda: (full_disk / "text").write_text("x" * 2_000_000),
        lambda: save_file({"big": big}, full_disk / "big.safetensors"),
        lambda: torch.save(big, full_disk / "big.pt"),
        lambda: write_table(full_disk / "rows.parquet", wide, NLLRow),
    ):
        actual = reason(raised(write))
        assert actual.kind == "disk_full", actual


# -- memory --------------------------------------------------------------------------------------------------------


def test_too_little_memory() -> None:
    """Of Python, numpy and torch in a process that may have no more than it has."""
    code = """if True:
        import resource, sys, numpy, torch
        from synth_scaling.system.failures import reason
        pages = int(open("/proc/self/statm").read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26,) * 2)
        for call in (lambda: bytearray(2**30), lambda: numpy.ones(2**30), lambda: torch.ones(2**30)):
            try:
                call()
            except BaseException as error:
                print(reason(error).kind)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "out_of_memory\n" * 3, done.stderr


def test_a_gpus_memory() -> None:
    assert reason(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")).kind == "out_of_memory"


# -- training ------------------------------------------------------------------------------------------------------


def test_a_loss_that_explodes(random_model: Path, rows: list[NLLRow], tmp_path: Path) -> None:
    actual = reason(raised(trained(random_model, tmp_path, rows, max_loss=1.0)))
    assert actual.kind == "diverged"
    assert actual.line.startswith("training diverged: the loss is ") and actual.line.endswith("trainer.max_loss=1")


def test_a_loss_that_is_not_finite(random_model: Path, rows: list[NLLRow], tmp_path: Path) -> None:
    training = Training(random_model, 3, 1e30, 0, TrainerOptions(batch_size=8, logging_steps=1))
    actual = reason(raised(lambda: train_nll(rows, training, tmp_path)))
    assert actual.kind == "diverged" and "training diverged: the " in actual.line


def test_files_that_vanished(random_model: Path, rows: list[NLLRow], tmp_path: Path) -> None:
    assert reason(raised(lambda: read_table(tmp_path / "rows.parquet", NLLRow))).kind == "missing_data"
    (tmp_path / "model").mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "model" / name).write_bytes((random_model / name).read_bytes())
    actual = reason(raised(trained(tmp_path / "model", tmp_path, rows)))
    assert actual.kind == "missing_data", actual


# -- what stands behind what ---------------------------------------------------------------------------------------


def test_every_kind_and_its_line() -> None:
    assert reason(ConfigError("seed=-1: allowed are 0 to 2^32 - 1")) == Reason(
        "configuration", "seed=-1: allowed are 0 to 2^32 - 1"
    )
    assert reason(raised(lambda: OmegaConf.structured(TrainerOptions).nothing)).kind == "configuration"
    assert reason(Interrupted("SIGTERM")) == Reason("interrupted", "stopped by SIGTERM")
    assert reason(KeyboardInterrupt()) == Reason("interrupted", "KeyboardInterrupt")
    assert reason(BrokenProcessPool("a process\nended")) == Reason("engine_died", "BrokenProcessPool: a process")
    assert reason(KeyError("y" * 1000)).kind == "error" and len(reason(KeyError("y" * 1000)).line) == LONGEST
    received = Reason("out_of_memory", "killed")
    assert reason(ChildFailed(received, "the log")) == received
    assert list(KINDS)[-1] == "error"


def test_the_first_cause_counts_however_deep() -> None:
    def fail() -> None:
        try:
            try:
                os.close(os.open("/nowhere/at/all", os.O_RDONLY))
            finally:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("the stage could not be made") from error

    assert reason(raised(fail)) == Reason("disk_full", "OSError: [Errno 28] No space left on device")


def test_a_suppressed_exception_does_not_count() -> None:
    def fail() -> None:
        try:
            Path("/nowhere/at/all").read_text()
        except FileNotFoundError:
            raise ValueError("something else") from None

    assert reason(raised(fail)) == Reason("error", "ValueError: something else")
