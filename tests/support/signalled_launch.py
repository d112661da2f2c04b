"""A launch of two joblib workers, one of which needs longer than the other to end after a termination signal.

python -m tests.support.signalled_launch FOLDER     # worker i writes started-i, then ended-i when it has been stopped
"""

from __future__ import annotations

import sys
from pathlib import Path

from joblib import Parallel, delayed

from synth_scaling.sweep import worker
from synth_scaling.system import signals
from synth_scaling.system.files import write_text
from synth_scaling.system.process import set_up_process


def work(folder: Path, index: int) -> None:
    """Poll until a signal arrives; then write a checkpoint, which is long for worker 1."""
    (folder / f"started-{index}").touch()
    try:
        while True:
            signals.check()
    finally:
        for i in range(1 + 1000 * index):
            write_text(folder / f"checkpoint-{index}", str(i))
        (folder / f"ended-{index}").touch()


def job(folder: Path, index: int) -> None:
    set_up_process()
    signals.install(insist=not signals.is_worker())
    worker.work = lambda output, launch, only: work(output, index)
    worker.serve(folder)


def main(folder: Path) -> None:
    signals.install(at_once=True)
    (folder / "installed").touch()
    with signals.passed_on(here=True):
        Parallel(n_jobs=2)(delayed(job)(folder, index) for index in range(2))
    signals.check()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
