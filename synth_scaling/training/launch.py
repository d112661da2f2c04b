"""One training in this process, or in several that share its batches (`trainer.num_processes`): DDP or FSDP2.

The processes are torchrun's; each runs this module with the folder of the training, where the rows lie and what else
is to be known stands in `job.json`. transformers' Trainer shares the batches out by accelerate, which fills the last
batch of an epoch up with the epoch's first rows; all other batches are those of one process. The first process writes
the checkpoint and `cost.json`.

A signal that tells this process to stop is passed on; the processes agree on the step after which they write a
checkpoint and end. They end as well when this process is gone: their standard input is a pipe from it.
"""

from __future__ import annotations

import json
import os
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

from synth_scaling.core.records import NLLRow, PreferenceRow, read_table, write_table
from synth_scaling.core.stage import Cost
from synth_scaling.system import signals
from synth_scaling.system.failures import ChildFailed, Reason, reason
from synth_scaling.system.usage import peak_device_memory
from synth_scaling.training.options import LoRAOptions, TrainerOptions
from synth_scaling.training.trainer import Curve, Training

ROWS, JOB, COST = "rows.parquet", "job.json", "cost.json"


@dataclass(frozen=True)
class Preference:
    """What DPO is told beyond a :class:`Training`."""

    beta: float
    nll: float


def train(
    rows: Sequence[NLLRow] | Sequence[PreferenceRow],
    training: Training,
    folder: Path,
    preference: Preference | None = None,
    curve: Curve = lambda point: None,
) -> Cost:
    """Write `rows` and the checkpoint that training on them gives to `folder`; pairs come with a `preference`.

    Raises ChildFailed with what the first of several processes said that failed, Interrupted if they were told to stop.
    """
    write_table(folder / ROWS, rows, NLLRow if preference is None else PreferenceRow)
    if training.options.num_processes == 1:
        return _train(rows, training, folder, preference, curve)
    job = asdict(training) | {
        "start": str(training.start),
        "resume": training.resume and str(training.resume),
        "preference": preference and asdict(preference),
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
    """Run the job in `folder` to its end in as many processes as it asks for."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--signals-to-handle=" + ",".join(number.name for number in signals.SIGNALS)]
    command += [f"--nproc-per-node={training.options.num_processes}", "-m", __spec__.name, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": str(training.threads)}
    for path in folder.glob("error-*.json"):  # of an earlier attempt
        path.unlink()
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        ) as processes:
            _wait(processes)
        if processes.returncode == 0:
            return
        said.seek(0)
        words = said.read()
    told = sorted(folder.glob("error-*.json"), key=lambda path: path.stat().st_mtime_ns)
    failures = [json.loads(path.read_text()) for path in told]  # the first failed; the others lost it
    stopped = any(failure["kind"] == "interrupted" for failure in failures)
    if (by := signals.requested()) or stopped:
        raise signals.Interrupted(by or "a signal to a process of the training")
    count = training.options.num_processes
    if "SIGKILL" in words or processes.returncode == -signal.SIGKILL:  # who was killed could not say it
        line = f"one of the {count} processes of a training was killed (SIGKILL): is there enough memory?"
        raise ChildFailed(Reason("out_of_memory", line), words[-4000:])
    details = failures[0].pop("details") if failures else words[-4000:]
    cause = Reason(**failures[0]) if failures else Reason("error", f"training in {count} processes failed")
    raise ChildFailed(cause, f"training in {count} processes failed:\n{details}")


def _wait(processes: subprocess.Popen) -> None:
    """Until they have ended. They are told once to stop, if this process is, and have their time for it."""
    told = False
    while True:
        try:
            processes.wait(timeout=0.5)
            return
        except subprocess.TimeoutExpired:
            if not told and signals.requested():
                processes.send_signal(signal.SIGTERM)  # torchrun hands it on, and waits 30 seconds
                told = True


def _train(rows: Any, training: Training, folder: Path, preference: Preference | None, curve: Curve) -> Cost:
    if preference is None:
        from synth_scaling.training.nll import train_nll

        return train_nll(rows, training, folder, curve)
    from synth_scaling.training.preference import train_preference

    return train_preference(rows, training, folder, beta=preference.beta, nll=preference.nll, curve=curve)


def main(folder: Path) -> None:
    """One of the processes. What goes wrong is written beside the job: torchrun says little of it."""
    signals.install(insist=False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _work(folder)
    except BaseException as error:
        words = asdict(reason(error)) | {"details": traceback.format_exc()}
        (folder / f"error-{os.environ['RANK']}.json").write_text(json.dumps(words))
        raise


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing is ever written: the pipe ends with the process that holds its other end
    os._exit(1)


def _work(folder: Path) -> None:
    job = json.loads((folder / JOB).read_text())
    told, options = job.pop("preference"), job.pop("options")
    preference = None if told is None else Preference(**told)
    options = TrainerOptions(**options | {"lora": LoRAOptions(**options["lora"])})
    resume = job.pop("resume")
    training = Training(Path(job.pop("start")), options=options, resume=resume and Path(resume), **job)
    rows: Any = read_table(folder / ROWS, NLLRow if preference is None else PreferenceRow)
    cost = _train(rows, training, folder, preference, lambda point: None)
    cost = replace(cost, peak_device_memory=peak_device_memory())  # of another process it cannot be seen
    if os.environ["RANK"] == "0":
        (folder / COST).write_text(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
