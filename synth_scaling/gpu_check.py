"""Check one GPU in at most ten minutes: training, sampling, agreement of the two, and a whole run, as a table.

The model is SmolLM2-135M from its wheel (no network), or a folder or cached hub id given by --model. Each part's
failure is one line of the table and does not end the others. Without vLLM the trainer's parts run alone; without a GPU
only the small form runs. The table goes to outputs/gpu_check/gpu_check.md and .json, messages to log.txt there.
Exit code 0, 1 if a part failed, 2 if nothing can run.

Example: synth-scaling gpu-check --model models/Qwen2.5-1.5B --parts model,train_lora,step_dpo
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from synth_scaling.certificate.part import FAILED, LEFT_OUT, LINES, RUNNING, Line, Setup, read_lines
from synth_scaling.certificate.parts import PARTS, processes_of
from synth_scaling.certificate.report import HEADER, printed, write
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say
from synth_scaling.models.smollm2 import WHEEL

PART_SHARE = 0.4  # of the check's time that one part may take


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="synth-scaling gpu-check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=WHEEL, help="a folder with safetensors, or a hub id in the local cache")
    parser.add_argument("--small", action="store_true", help="few rows: for a CPU, where it is the default")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("outputs/gpu_check"))
    parser.add_argument("--threads", type=int, default=1, help="of torch; part of what determines bits on CPU")
    parser.add_argument("--minutes", type=float, default=10.0, help="parts that would start later are left out")
    options = parser.parse_args(arguments)
    chosen = options.parts.split(",")
    if unknown := [name for name in chosen if name not in PARTS]:
        hint = did_you_mean(unknown[0], PARTS)
        say(f"--parts={unknown[0]}: allowed are {', '.join(PARTS)}{hint}", file=sys.stderr)
        return 2
    cuda = _has_cuda()
    options.output.mkdir(parents=True, exist_ok=True)
    setup = Setup(
        str(options.output), options.model, options.small or not cuda, cuda, options.threads, _slow_bfloat16()
    )
    lines, seconds = check(setup, chosen, options.minutes, lambda line: say(printed(line), flush=True))
    write(options.output, setup, lines, seconds)
    failed = [line.part for line in lines if line.status == FAILED]
    missing = [line.part for line in lines if line.status == LEFT_OUT]
    table = options.output / "gpu_check.md"
    say(f"{len(lines)} parts, {len(failed)} failed, {len(missing)} left out, {seconds:.0f} s: {table}")
    return 1 if failed else 0


def check(
    setup: Setup, chosen: Sequence[str], minutes: float, show: Callable[[Line], None] = lambda line: None
) -> tuple[list[Line], float]:
    """The line of each of the `chosen` parts, in order, and the seconds that they took together."""
    begin = time.monotonic()
    setup.write()
    for name in (LINES, RUNNING, "log.txt"):
        (setup.path / name).unlink(missing_ok=True)
    say(HEADER, flush=True)
    shown: list[Line] = []

    def show_new() -> None:
        for line in read_lines(setup.path / LINES)[len(shown) :]:
            shown.append(line)
            show(line)

    for group in processes_of(setup, chosen):
        left = list(group)
        while left:
            _run_process(setup, left, begin + 60 * minutes, PART_SHARE * 60 * minutes, show_new)
            show_new()
            left = [name for name in left if name not in {line.part for line in shown}]
    return shown, time.monotonic() - begin


def _run_process(
    setup: Setup, parts: Sequence[str], deadline: float, limit: float, show_new: Callable[[], None]
) -> None:
    """Run `parts` in one process; on return at least the first has a line, however the process ended."""
    lines, running = setup.path / LINES, setup.path / RUNNING
    running.write_text(parts[0])
    if time.monotonic() > deadline:
        for name in parts:
            Line(name, LEFT_OUT, "the time for the check was over").append(lines)
        return
    command = [sys.executable, "-m", "synth_scaling.certificate.worker", str(setup.path), *parts]
    with open(setup.path / "log.txt", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.PIPE, start_new_session=True)
        try:
            why = _wait(process, running, deadline, limit, show_new)
        finally:
            _end(process)
    done = {line.part for line in read_lines(lines)}
    part = running.read_text()
    if part not in done:
        Line(part, FAILED, why or f"its process ended with {_exit(process.returncode)}: log.txt").append(lines)


def _wait(process: subprocess.Popen, running: Path, deadline: float, limit: float, show_new: Callable[[], None]) -> str:
    """Until the process has ended, empty; or the reason for which it has to be ended."""
    part, begin = running.read_text(), time.monotonic()
    while process.poll() is None:
        try:
            process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            show_new()
        if running.read_text() != part:
            part, begin = running.read_text(), time.monotonic()
        if time.monotonic() > deadline:
            return "not done when the time for the check was over"
        if time.monotonic() - begin > limit:
            return f"not done after {limit:.0f} s"
    return ""


def _end(process: subprocess.Popen) -> None:
    """End the process and its children, which share its group."""
    assert process.stdin is not None
    process.stdin.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _exit(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _has_cuda() -> bool:
    """Asked of torch: a CPU build does not use the GPU that a machine has."""
    import torch

    return torch.cuda.is_available()


def _slow_bfloat16() -> str | None:
    from synth_scaling.training.precision import slow_bfloat16

    return slow_bfloat16()


if __name__ == "__main__":
    sys.exit(main())
