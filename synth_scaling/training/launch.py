"""One training in this process, or in several that share its batches (`trainer.num_processes`): DDP or FSDP2.

torchrun starts the processes; each runs this module with the folder of the training, which holds the rows and all
other arguments in `job.json`. transformers' Trainer distributes the batches through accelerate, which completes the
last batch of an epoch with the epoch's first rows; all other batches equal those of a single process. The first process
writes the checkpoint and `cost.json`.

A termination signal is forwarded; the processes agree on the step after which they write a checkpoint and end. They
also end if this process dies: their standard input is a pipe from it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import (
    NLLRow,
    PolicyRow,
    PreferenceRow,
    StepPairRow,
    UnpairedRow,
    read_table,
    write_table,
)
from synth_scaling.core.stage import Cost
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.system import signals
from synth_scaling.system.failures import ChildFailed, Reason, reason
from synth_scaling.system.usage import peak_device_memory
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.precision import slow_bfloat16
from synth_scaling.training.trainer import Curve, Training

log = logging.getLogger("synth_scaling")

ROWS, JOB, COST = "rows.parquet", "job.json", "cost.json"


@dataclass(frozen=True)
class Preference:
    """Arguments of DPO beyond those of :class:`Training`; `loss` is TRL's loss type."""

    beta: float
    nll: float
    loss: str = "sigmoid"
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Unpaired:
    """Arguments of KTO beyond those of :class:`Training`: `beta`, and the weights of the two kinds of responses."""

    beta: float
    desirable: float = 1.0
    undesirable: float = 1.0


Objective = Preference | PolicyLoss | StepPairLoss | Unpaired | None  # None: the NLL
Rows = Sequence[NLLRow] | Sequence[PreferenceRow] | Sequence[PolicyRow] | Sequence[StepPairRow] | Sequence[UnpairedRow]
ROW_OF: dict[type, type] = {
    Preference: PreferenceRow,
    PolicyLoss: PolicyRow,
    StepPairLoss: StepPairRow,
    Unpaired: UnpairedRow,
    type(None): NLLRow,
}


def train(
    rows: Rows,
    training: Training,
    folder: Path,
    objective: Objective = None,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train on `rows`, and write them and the checkpoint to `folder`; returns the cost. The objective fits the rows.

    With several processes, raises ChildFailed with the reason of the first that failed, and Interrupted after a
    termination signal.
    """
    write_table(folder / ROWS, rows, ROW_OF[type(objective)])
    if training.options.dtype == "bfloat16" and (why := slow_bfloat16()):
        log.warning("trainer.dtype=bfloat16: %s; float32 is faster here", why)
    if training.options.num_processes == 1:
        return _train(rows, training, folder, objective, curve)
    job = asdict(training) | {
        "start": str(training.start),
        "resume": training.resume and str(training.resume),
        "objective": objective and {type(objective).__name__: asdict(objective)},
    }
    (folder / JOB).write_text(json.dumps(job))
    run_processes(folder, training)
    for line in (folder / "curve.jsonl").read_text().splitlines():
        curve(json.loads(line))
    cost = Cost(**json.loads((folder / COST).read_text()))
    for name in (JOB, COST):
        (folder / name).unlink()
    return cost


def run_processes(folder: Path, training: Training) -> None:
    """Run the job in `folder` in `training.options.num_processes` processes, until they end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--signals-to-handle=" + ",".join(number.name for number in signals.SIGNALS)]
    command += [f"--nproc-per-node={training.options.num_processes}", "-m", __spec__.name, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": str(training.threads)}
    for path in folder.glob("error-*.json"):  # of an earlier attempt
        path.unlink()
    with tempfile.TemporaryFile("w+", errors="replace") as stderr:
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            process_group=0,  # a signal to the process group of this process is forwarded, once
        ) as processes:
            _wait(processes)
        if processes.returncode == 0:
            return
        stderr.seek(0)
        output = stderr.read()
    records = sorted(folder.glob("error-*.json"), key=lambda path: path.stat().st_mtime_ns)
    failures = [json.loads(path.read_text()) for path in records]  # the first is the cause of the others
    stopped = any(failure["kind"] == "interrupted" for failure in failures)
    if (by := signals.requested()) or stopped:
        raise signals.Interrupted(by or "a signal to a process of the training")
    count = training.options.num_processes
    if "SIGKILL" in output or processes.returncode == -signal.SIGKILL:  # a killed process leaves no record
        line = f"one of the {count} processes of a training was killed (SIGKILL): is there enough memory?"
        raise ChildFailed(Reason("out_of_memory", line), output[-4000:])
    details = failures[0].pop("details") if failures else output[-4000:]
    cause = Reason(**failures[0]) if failures else Reason("error", f"training in {count} processes failed")
    raise ChildFailed(cause, f"training in {count} processes failed:\n{details}")


def _wait(processes: subprocess.Popen) -> None:
    """Wait for `processes` to end. A termination signal is forwarded to them once."""
    forwarded = False
    while True:
        try:
            processes.wait(timeout=0.5)
            return
        except subprocess.TimeoutExpired:
            if not forwarded and signals.requested():
                processes.send_signal(signal.SIGTERM)  # torchrun forwards it, and gives them 30 s for a checkpoint
                forwarded = True


def _train(rows: Any, training: Training, folder: Path, objective: Objective, curve: Curve) -> Cost:
    """Train in this process. A checkpoint that cannot be loaded is removed, and the training starts without it."""
    from synth_scaling.training.checkpoints import UnreadableCheckpoint

    while True:
        try:
            return _trained(rows, training, folder, objective, curve)
        except UnreadableCheckpoint as error:
            log.warning("%s", error)
            if training.options.num_processes == 1 or os.environ["RANK"] == "0":
                shutil.rmtree(error.folder, ignore_errors=True)
            if training.options.num_processes > 1:  # the next attempt of the run starts all of them without it
                raise


def _trained(rows: Any, training: Training, folder: Path, objective: Objective, curve: Curve) -> Cost:
    if objective is None:
        from synth_scaling.training.nll import train_nll

        return train_nll(rows, training, folder, curve)
    if isinstance(objective, PolicyLoss):
        from synth_scaling.training.policy import train_policy

        return train_policy(rows, training, folder, objective, curve)
    if isinstance(objective, StepPairLoss):
        from synth_scaling.training.step_pairs import train_step_pairs

        return train_step_pairs(rows, training, folder, objective, curve)
    if isinstance(objective, Unpaired):
        from synth_scaling.training.unpaired import train_unpaired

        return train_unpaired(rows, training, folder, curve=curve, **asdict(objective))
    from synth_scaling.training.preference import train_preference

    return train_preference(rows, training, folder, curve=curve, **asdict(objective))


def main(folder: Path) -> None:
    """Run one of the processes. An exception is recorded beside the job, since torchrun reports little of it."""
    signals.install(insist=False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _work(folder)
    except BaseException as error:
        words = asdict(reason(error)) | {"details": traceback.format_exc()}
        (folder / f"error-{os.environ['RANK']}.json").write_text(json.dumps(words))
        raise


def _end_with_parent() -> None:
    os.read(0, 1)  # blocks: nothing is written, and the pipe closes when its writer ends
    os._exit(1)


def _work(folder: Path) -> None:
    job = json.loads((folder / JOB).read_text())
    given, options = job.pop("objective") or {}, job.pop("options")
    kinds = {kind.__name__: kind for kind in ROW_OF}
    objective = next((kinds[name](**arguments) for name, arguments in given.items()), None)
    options = TrainerOptions(**options | {"lora": LoRAOptions(**options["lora"])})
    resume = job.pop("resume")
    training = Training(Path(job.pop("start")), options=options, resume=resume and Path(resume), **job)
    rows: Any = read_table(folder / ROWS, ROW_OF[type(objective)])
    cost = _train(rows, training, folder, objective, lambda point: None)
    cost = replace(cost, peak_device_memory=peak_device_memory())  # the parent cannot measure it
    if os.environ["RANK"] == "0":
        (folder / COST).write_text(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
