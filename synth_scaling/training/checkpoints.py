"""Checkpoints inside a training: one that ended early goes on with the same batches and ends with the same bits.

transformers' Trainer writes and reads weights, optimiser, schedule and random states. Added here is what it leaves
out: when one is due, in all processes at once; that a checkpoint is whole or absent; the random state at the epoch's
begin, from which `group_by_length` shuffles; the epoch of accelerate's sampler, which does not reach it through two
wrappers; and the part of a logged mean that was summed before. Optimiser and random states are torch files of our own,
loaded with weights_only=True.
"""

from __future__ import annotations

import json
import logging
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

SIZES = "sizes.json"  # of the checkpoint's other files, written last


class Checkpoints(TrainerCallback):
    """Writes one to `resume` every `minutes`, and one before it ends a training that was told to stop.

    Kept is the last one. Without `resume`, or at 0 minutes, none is written; then what was told to stop just ends.
    """

    def __init__(self, trainer: Trainer, resume: Path | None, minutes: float) -> None:
        self.trainer: Any = trainer  # its sums of what is to be logged have no public name
        self.resume = resume if minutes > 0 else None
        self.seconds = 60 * minutes
        self.source = latest(self.resume, trainer.args.world_size)  # what this training goes on from
        self.stop: str | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.last = time.monotonic()
        self.group = None
        if args.world_size > 1 and dist.get_backend() != "gloo":
            self.group = dist.new_group(backend="gloo")  # asking must not wait for the GPUs
        self.kept: dict[str, Any] = {}
        if self.source is None:
            return
        self.kept = kept = json.loads((self.source / _own(args.process_index)).read_text())
        self.trainer._tr_loss += kept["loss"]
        self.trainer._total_loss_scalar = kept["total_loss"]
        self.trainer._globalstep_last_logged = kept["logged"]
        if "metrics" in kept:  # TRL's
            self.trainer._metrics["train"].update(kept["metrics"])
            self.trainer._total_train_tokens = kept["tokens"]

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.kept:
            torch.set_rng_state(torch.frombuffer(bytearray.fromhex(self.kept["epoch_rng"]), dtype=torch.uint8))
            self.kept = {}
            sampler = given["train_dataloader"].batch_sampler
            while hasattr(sampler, "batch_sampler"):
                sampler = sampler.batch_sampler
            if hasattr(sampler.sampler, "set_epoch"):
                sampler.sampler.set_epoch(int(state.epoch))
        self.epoch_rng = torch.get_rng_state()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            return  # what is left takes no longer than a checkpoint
        told = requested()
        due = self.resume is not None and time.monotonic() - self.last > self.seconds
        told, due = self._agreed(args, told, due)
        if told and self.resume is None:
            raise Interrupted(told)
        self.stop = told
        control.should_save = bool(told) or due

    def _agreed(self, args: Any, told: str | None, due: bool) -> tuple[str | None, bool]:
        """The same answer in all processes: clocks differ, and signals do not come to all at once."""
        if args.world_size == 1:
            return told, due
        asked = torch.tensor([told is not None, due], dtype=torch.int32)
        dist.all_reduce(asked, op=dist.ReduceOp.MAX, group=self.group)
        return (told or "a signal to another process") if asked[0] else None, bool(asked[1])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The Trainer has written its part beside the training; it is moved to where it is kept when all is there."""
        assert self.resume is not None
        written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        epoch_ended = state.epoch == int(state.epoch)
        rng = torch.get_rng_state() if epoch_ended else self.epoch_rng
        kept = {
            "loss": float(self.trainer._tr_loss),
            "total_loss": self.trainer._total_loss_scalar,
            "logged": self.trainer._globalstep_last_logged,
            "epoch_rng": rng.numpy().tobytes().hex(),
        }
        if hasattr(self.trainer, "_metrics"):
            kept |= {"metrics": self.trainer._metrics["train"], "tokens": self.trainer._total_train_tokens}
        (written / _own(args.process_index)).write_text(json.dumps(kept))
        _wait_for_all(args)
        if state.is_world_process_zero:
            (written / "training_args.bin").unlink(missing_ok=True)  # a pickle that nobody reads
            _keep(written, self.resume)
        _wait_for_all(args)
        self.last = time.monotonic()
        if self.stop:
            raise Interrupted(self.stop)


def latest(resume: Path | None, processes: int | None = None) -> Path | None:
    """The last whole checkpoint in `resume`, of so many processes if they are said; others are passed over."""
    found = sorted(resume.glob("checkpoint-*"), key=_step, reverse=True) if resume is not None else []
    for folder in found:
        if not (folder / SIZES).exists() or json.loads((folder / SIZES).read_text()) != _sizes(folder):
            log.warning("%s is damaged and is not used", folder)
            continue
        wrote = len(list(folder.glob(_own("*"))))
        if processes not in (None, wrote):
            log.warning(
                "%s is of a training in %d processes, this one has %d, and is not used", folder, wrote, processes
            )
            continue
        return folder
    return None


def _keep(written: Path, resume: Path) -> None:
    """Move a complete checkpoint into `resume`, on disk before any other there is removed."""
    (written / SIZES).write_text(json.dumps(_sizes(written)))
    for path in [*_files(written), written]:
        sync(path)
    resume.mkdir(exist_ok=True)
    target = resume / written.name
    shutil.rmtree(target, ignore_errors=True)  # damaged, or it would not have been made again
    written.rename(target)
    sync(resume)
    for other in resume.glob("checkpoint-*"):
        if other != target:
            shutil.rmtree(other)


def _sizes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in _files(folder) if p.name != SIZES}


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _own(process: int | str) -> str:
    return f"training-{process}.json"


def _wait_for_all(args: Any) -> None:
    if args.world_size > 1:
        dist.barrier()
