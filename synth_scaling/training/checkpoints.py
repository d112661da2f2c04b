"""Checkpoints within a training: a resumed training sees the same batches and ends with the same bits.

transformers' Trainer writes and reads weights, optimiser, schedule and random states. This module adds the rest: the
decision when to write one, in all processes at once; checkpoints that are complete or absent; the random state at the
start of the epoch, from which `group_by_length` shuffles; the epoch of accelerate's sampler, which its two wrappers do
not forward; and the partial sum of the next logged mean. Optimiser and random states are torch files written here, and
loaded with weights_only=True. A checkpoint whose files do not match their SHA-256 is not used (those of early versions
have sizes alone), and neither is one that cannot be loaded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from transformers import Trainer, TrainerCallback

from synth_scaling.system.files import sync
from synth_scaling.system.signals import Interrupted, requested

log = logging.getLogger("synth_scaling")

SHA256 = "sha256.json"  # of the checkpoint's other files
SIZES = "sizes.json"  # sizes of the checkpoint's other files, written last


class UnreadableCheckpoint(RuntimeError):
    """The checkpoint `folder`, from which a training was to resume, cannot be loaded."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"{folder} cannot be loaded and is not used ({why})")
        self.folder = folder


class Checkpoints(TrainerCallback):
    """Writes a checkpoint to `resume` every `minutes`, and one after a termination signal, which ends the training.

    Only the last one remains. Without `resume`, or with 0 minutes, none is written, and a signal ends the training.
    """

    def __init__(self, trainer: Trainer, resume: Path | None, minutes: float) -> None:
        self.trainer: Any = trainer  # Any: its sums for the next log are private attributes
        self.resume = resume if minutes > 0 else None
        self.seconds = 60 * minutes
        self.source = latest(self.resume, trainer.args.world_size)  # the checkpoint to resume from
        self.stop: str | None = None
        self.loading = self.source is not None  # until the first step: an error may be due to the checkpoint

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.loading = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.last = time.monotonic()
        self.group = None
        if args.world_size > 1 and dist.get_backend() != "gloo":
            self.group = dist.new_group(backend="gloo")  # agreeing must not wait for the GPUs
        self.restored: dict[str, Any] = {}
        if self.source is None:
            return
        self.restored = restored = json.loads((self.source / _state_file(args.process_index)).read_text())
        self.trainer._tr_loss += restored["loss"]
        self.trainer._total_loss_scalar = restored["total_loss"]
        self.trainer._globalstep_last_logged = restored["logged"]
        if "metrics" in restored:  # of TRL's trainer
            self.trainer._metrics["train"].update(restored["metrics"])
            self.trainer._total_train_tokens = restored["tokens"]

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.restored:
            torch.set_rng_state(torch.frombuffer(bytearray.fromhex(self.restored["epoch_rng"]), dtype=torch.uint8))
            self.restored = {}
            sampler = given["train_dataloader"].batch_sampler
            while hasattr(sampler, "batch_sampler"):
                sampler = sampler.batch_sampler
            if hasattr(sampler.sampler, "set_epoch"):
                sampler.sampler.set_epoch(int(state.epoch))
        self.epoch_rng = torch.get_rng_state()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            return  # the rest takes no longer than a checkpoint
        signal = requested()
        due = self.resume is not None and time.monotonic() - self.last > self.seconds
        signal, due = self._agreed(args, signal, due)
        if signal and self.resume is None:
            raise Interrupted(signal)
        self.stop = signal
        control.should_save = bool(signal) or due

    def _agreed(self, args: Any, signal: str | None, due: bool) -> tuple[str | None, bool]:
        """The same signal and due time in all processes: clocks differ, and signals arrive at different steps."""
        if args.world_size == 1:
            return signal, due
        any_process = torch.tensor([signal is not None, due], dtype=torch.int32)
        dist.all_reduce(any_process, op=dist.ReduceOp.MAX, group=self.group)
        return (signal or "a signal to another process") if any_process[0] else None, bool(any_process[1])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete the checkpoint that the Trainer has written, and move it to `resume`."""
        assert self.resume is not None
        written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        epoch_ended = state.epoch == int(state.epoch)
        rng = torch.get_rng_state() if epoch_ended else self.epoch_rng
        partial = {
            "loss": float(self.trainer._tr_loss),
            "total_loss": self.trainer._total_loss_scalar,
            "logged": self.trainer._globalstep_last_logged,
            "epoch_rng": rng.numpy().tobytes().hex(),
        }
        if hasattr(self.trainer, "_metrics"):
            partial |= {"metrics": self.trainer._metrics["train"], "tokens": self.trainer._total_train_tokens}
        (written / _state_file(args.process_index)).write_text(json.dumps(partial))
        _wait_for_all(args)
        if state.is_world_process_zero:
            (written / "training_args.bin").unlink(missing_ok=True)  # a pickle, never read
            _keep(written, self.resume)
        _wait_for_all(args)
        self.last = time.monotonic()
        if self.stop:
            raise Interrupted(self.stop)


def latest(resume: Path | None, processes: int | None = None) -> Path | None:
    """The last complete checkpoint in `resume`, if `processes` is given written by so many; others are ignored."""
    folders = [] if resume is None else [path for path in resume.glob("checkpoint-*") if _NAME.fullmatch(path.name)]
    for folder in sorted(folders, key=_step, reverse=True):
        if (why := _damage(folder)) is not None:
            log.warning("%s is damaged and is not used (%s)", folder, why)
            continue
        wrote = len(list(folder.glob(_state_file("*"))))
        if processes not in (None, wrote):
            log.warning("%s was written by %d processes, not %d, and is not used", folder, wrote, processes)
            continue
        return folder
    return None


def _damage(folder: Path) -> str | None:
    """Why the checkpoint `folder` does not have the content that was written; None if it has."""
    try:
        if json.loads((folder / SIZES).read_text()) != _sizes(folder):
            return "a file is missing or has another size"
        if (folder / SHA256).exists() and json.loads((folder / SHA256).read_text()) != _digests(folder):
            return "a file has other bytes than were written"
    except (OSError, ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _keep(written: Path, resume: Path) -> None:
    """Move a complete checkpoint into `resume`; others there are removed once it is on disk."""
    (written / SHA256).write_text(json.dumps(_digests(written)))
    (written / SIZES).write_text(json.dumps(_sizes(written)))
    for path in [*_files(written), written]:
        sync(path)
    resume.mkdir(exist_ok=True)
    target = resume / written.name
    shutil.rmtree(target, ignore_errors=True)  # damaged, or it would have been resumed from
    written.rename(target)
    sync(resume)
    for other in resume.glob("checkpoint-*"):
        if other != target:
            shutil.rmtree(other)


def _sizes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in _files(folder) if p.name != SIZES}


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file."""
    digests = {}
    for path in _files(folder):
        if path.name not in (SIZES, SHA256):
            with open(path, "rb") as file:
                digests[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


_NAME = re.compile(r"checkpoint-\d+")


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _state_file(process: int | str) -> str:
    return f"training-{process}.json"


def _wait_for_all(args: Any) -> None:
    if args.world_size > 1:
        dist.barrier()
