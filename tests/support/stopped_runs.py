"""Stops or kills a run at each of its file operations, while another process computes the same run.

python -m tests.support.stopped_runs FOLDER TRIALS   # prints operations, stops, kills, leases lost, then what is wrong

The first process of a trial is stopped (SIGSTOP) or killed at its k-th operation on a file of the output or the store.
A second one computes the run; then the first one continues. Store, row and answers must be those of an undisturbed run,
with nothing left over. Leases, store and run folder are the real ones; the stages write text in place of models.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from synth_scaling.config.naming import run_folder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import Cost
from synth_scaling.experiment import run as runs
from synth_scaling.experiment.store import Store, tidy
from synth_scaling.system import leases
from tests.support.small_runs import configuration

SILENCE = 0.6  # seconds: short, so that a takeover is reached soon
OPERATIONS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock", "shutil.rmtree"}


def pipeline(config: Config, store: Store, tracker: Any) -> SimpleNamespace:
    """Three stages, each read by the next one."""
    text = ""
    for name in ("base", "responses", "policy"):

        def make(folder: Path, before: str = text) -> tuple[Cost, dict[str, Any]]:
            (folder / "resume").mkdir(exist_ok=True)
            (folder / "resume" / "state").write_text(before)
            (folder / "data").write_text(f"{before}{folder.parent.name}\n" * 20)
            return Cost(tokens_trained=len(before)), {"length": len(before)}

        result = store.stage(name, {"key": name}, make)
        tracker.stage(name, result)
        text = (result.path / "data").read_text()
    responses = [SimpleNamespace(problem=f"test/{i}", reward=i % 2) for i in range(4)]
    last = SimpleNamespace(responses=responses, samples={})
    return SimpleNamespace(last=last, rounds=[last], initial=[], text=text)


def row_of(config: Config, outcome: SimpleNamespace) -> dict[str, Any]:
    tested = {"error": 0.5, "wrong": 2, "tested": 4, "sampled_error": None}
    return {"run": run_folder(config).path.name, "text": outcome.text, "config": runs.resolved(config), **tested}


def compute(config: Config) -> None:
    """The run as a worker computes it."""
    with leases.lease(run_folder(config).lock, wait=True) as held:
        runs.run_once(config, held=held)


def forked(work: Callable[[], None]) -> int:
    """The id of a process that does `work`: exit code 0, 3 if it lost its lease, 1 for any other error."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        except leases.LeaseLost:
            code = 3
        finally:
            os._exit(code)
    return child


def at_each_operation(root: Path, act: Callable[[int], None]) -> None:
    """Call `act` with 1, 2, ... before this process's operations on files below `root`, and on open files."""
    n = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal n
        if event in OPERATIONS and (event == "fcntl.flock" or str(arguments[0]).startswith(str(root))):
            n += 1
            act(n)

    sys.addaudithook(hook)


def n_operations(config: Config, root: Path) -> int:
    """The operations of an undisturbed run, which is computed."""
    counted: list[int] = []

    def work() -> None:
        at_each_operation(root, counted.append)
        compute(config)
        (root.parent / "operations").write_text(str(len(counted)))

    assert exit_code(forked(work)) == 0
    return int((root.parent / "operations").read_text())


def content(root: Path) -> dict[str, bytes]:
    """Every file below `root` that does not depend on clock and process."""
    files = {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    for name in [name for name in files if name.endswith("stage.json")]:
        files[name] = json.dumps(json.loads(files[name]) | {"seconds": 0}).encode()
    for name in [name for name in files if Path(name).name in ("log.txt", "environment.json", "made.jsonl")]:
        files[name] = b""
    for name in [name for name in files if name.endswith(("stages.jsonl", "metrics.jsonl"))]:
        files[name] = b""  # advisory: of the last process alone, or of both
    return files


def trial(config: Config, root: Path, operation: int, number: signal.Signals) -> tuple[bool, bool, list[str]]:
    """Whether the first process was struck, whether it lost a lease, and what is not as in an undisturbed run."""

    def struck() -> None:
        at_each_operation(root, lambda n: os.kill(os.getpid(), number) if n == operation else None)
        compute(config)

    first = forked(struck)
    _, status = os.waitpid(first, os.WUNTRACED)
    stopped, killed = os.WIFSTOPPED(status), os.WIFSIGNALED(status)
    second = forked(lambda: compute(config))
    broken = [f"the second process ended with {code}"] if (code := exit_code(second)) != 0 else []
    lost = False
    if stopped:
        os.kill(first, signal.SIGCONT)
        code = exit_code(first)
        lost = code == 3
        broken += [f"the first process ended with {code}"] if code not in (0, 3) else []
    leases.is_held(run_folder(config).lock)  # a launch begins so
    tidy(Path(config.store))
    return stopped or killed, lost, broken


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, trials: int) -> int:
    leases.SILENCE, leases.HEARTBEAT, leases.POLL = SILENCE, SILENCE / 3, 0.02
    runs.run, runs.result_row, runs.log_samples = pipeline, row_of, lambda *_: None  # type: ignore[assignment]
    runs.write_samples = lambda _, folder: folder.samples.write_text("samples")  # type: ignore[assignment]
    runs.log.disabled = True
    root = folder / "root"
    config = configuration(root)
    operations = n_operations(config, root)
    undisturbed = content(root)
    stops = kills = lost = 0
    broken: list[str] = []
    for i in range(trials):  # spread evenly over the run's operations, kinds alternating in each round
        operation = 1 + i * operations // trials if trials < operations else 1 + i % operations
        number = signal.SIGKILL if (i + i // operations) % 3 == 2 else signal.SIGSTOP
        shutil.rmtree(root)
        root.mkdir()
        struck, lost_lease, wrong = trial(config, root, operation, number)
        actual = content(root)
        wrong += sorted(name for name in {*actual, *undisturbed} if actual.get(name) != undisturbed.get(name))
        broken += [f"{number.name} at operation {operation}: {line}" for line in wrong]
        lost += lost_lease
        stops, kills = stops + (struck and number == signal.SIGSTOP), kills + (struck and number == signal.SIGKILL)
    print(operations, stops, kills, lost, *broken, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
