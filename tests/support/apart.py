"""A training in a process of its own, to be told to stop or to be killed.

    python apart.py FOLDER start|stop|block

`start` trains to the end; `stop` says "here" at its third step and waits there for the signal that tells it to stop;
`block` says so and waits for ever. FOLDER holds the rows, and in apart.json the options.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from synth_scaling.core.records import NLLRow, read_table
from synth_scaling.system import signals
from synth_scaling.training.launch import train
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import RESUME, Training

torch.set_num_threads(1)


def main(folder: Path, what: str) -> None:
    def hear(point: Mapping[str, float]) -> None:
        if point["step"] != 3 or what == "start":
            return
        print("here", flush=True)
        if what == "block":
            signal.pause()
        while not signals.requested():
            pass

    signals.install()
    received = json.loads((folder / "apart.json").read_text())
    options = TrainerOptions(**received["options"])
    rows = read_table(folder / "given.parquet", NLLRow)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    training = Training(Path(received["start"]), received["epochs"], 1e-3, 0, options, resume=work / RESUME)
    train(rows, training, work, curve=hear)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
