"""Seconds of a figure set, and of the report, for a study of more than 500 runs that the script makes up.

    python -m benchmarks.figures [--seeds 4] [--report]

The rows follow known laws (benchmarks/synthetic_study.py). Each figure is timed from its rows to its PNG, SVG, PDF
and CSV; what several figures share (the bootstrap, the fits) falls on the first. Beside the wall clock stand the
seconds of this process alone, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.synthetic_study import write_study

TARGET = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4, help="154 runs each")
    parser.add_argument("--report", action="store_true", help="the HTML page, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = write_study(Path(folder) / "study", options.seeds)
        print(f"{runs} runs of 1,000 test problems")
        print(f"{'':28}{'seconds':>9}{'CPU':>9}")
        _measure(Path(folder), options.report)


def _measure(folder: Path, report: bool) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    results = _timed("matplotlib and the rows", lambda: _load(folder / "study"))
    from analysis.figures import FIGURES
    from analysis.figures.drawing import save
    from analysis.figures.inputs import figure_inputs
    from analysis.study.studies import Studies

    studies = Studies(results)
    shared = figure_inputs(studies)
    for name, draw in FIGURES.items():
        _timed(name, lambda name=name, draw=draw: save(draw(shared), folder / "figures" / name))
    _show("the figure set", time.perf_counter() - wall, time.process_time() - cpu, f"   target {TARGET:.0f}")
    if report:
        from analysis.report.page import page

        _timed("the HTML page", lambda: page(Studies(results)))


def _load(study: Path) -> Any:
    import matplotlib.backends.backend_agg  # noqa: F401 (its import is part of the time)

    from analysis.data.results import load

    return load(study)


def _timed(name: str, work: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    _show(name, time.perf_counter() - wall, time.process_time() - cpu)
    return value


def _show(name: str, wall: float, cpu: float, note: str = "") -> None:
    print(f"{name:28}{wall:9.2f}{cpu:9.2f}{note}", flush=True)


if __name__ == "__main__":
    main()
