"""One training in this process, or in several that share its batches (`trainer.num_processes`): DDP or FSDP2.

The processes are torchrun's; each runs this module with the folder of the training, where the rows lie and what else
is to be known stands in `job.json`. transformers' Trainer shares the batches out by accelerate, which fills the last
batch of an epoch up with the epoch's first rows; all other batches are those of one process. The first process writes
the checkpoint and `cost.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synth_scaling.records import NLLRow, PreferenceRow, read_table, write_table
from synth_scaling.store import Cost
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

    Raises RuntimeError with the end of what the processes said if one of several fails.
    """
    write_table(folder / ROWS, rows, NLLRow if preference is None else PreferenceRow)
    if training.options.num_processes == 1:
        return _train(rows, training, folder, preference, curve)
    job = asdict(training) | {"start": str(training.start), "preference": preference and asdict(preference)}
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
    command += [f"--nproc-per-node={training.options.num_processes}", "-m", __spec__.name, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": str(training.threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        told = sorted(folder.glob("error-*.txt"), key=lambda path: path.stat().st_mtime_ns)  # the others lost the first
        words = told[0].read_text() if told else done.stderr[-4000:]
        raise RuntimeError(f"training in {training.options.num_processes} processes failed:\n{words}")


def _train(rows: Any, training: Training, folder: Path, preference: Preference | None, curve: Curve) -> Cost:
    if preference is None:
        from synth_scaling.training.nll import train_nll

        return train_nll(rows, training, folder, curve)
    from synth_scaling.training.preference import train_preference

    return train_preference(rows, training, folder, beta=preference.beta, nll=preference.nll, curve=curve)


def main(folder: Path) -> None:
    """One of the processes. What goes wrong is written beside the job: torchrun says little of it."""
    try:
        _work(folder)
    except BaseException:
        (folder / f"error-{os.environ['RANK']}.txt").write_text(traceback.format_exc())
        raise


def _work(folder: Path) -> None:
    job = json.loads((folder / JOB).read_text())
    told, options = job.pop("preference"), job.pop("options")
    preference = None if told is None else Preference(**told)
    options = TrainerOptions(**options | {"lora": LoRAOptions(**options["lora"])})
    training = Training(Path(job.pop("start")), options=options, **job)
    rows: Any = read_table(folder / ROWS, NLLRow if preference is None else PreferenceRow)
    cost = _train(rows, training, folder, preference, lambda point: None)
    if os.environ["RANK"] == "0":
        (folder / COST).write_text(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
