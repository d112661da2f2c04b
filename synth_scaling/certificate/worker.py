"""The process that runs parts: `python -m synth_scaling.certificate.worker FOLDER PART ...`.

It writes a part's name to `running` before the part and a line to `lines.jsonl` after it. The command reads both: if
this process dies, it knows the part.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from synth_scaling.certificate.part import FAILED, LEFT_OUT, LINES, OK, RUNNING, Line, Measures, Setup, read_lines
from synth_scaling.certificate.parts import PARTS, has_vllm, obstacle
from synth_scaling.core.stage import Cost
from synth_scaling.system.failures import reason
from synth_scaling.system.process import set_up_process
from synth_scaling.system.usage import Made, measured


def main(folder: Path, parts: Sequence[str]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setup, vllm = Setup.read(folder), has_vllm()
    set_up_process(setup.threads)
    for name in parts:
        (folder / RUNNING).write_text(name)
        statuses = {line.part: line.status for line in read_lines(folder / LINES)}
        print(f"== {name}", file=sys.stderr, flush=True)
        if (why := obstacle(name, setup, statuses, vllm)) is not None:
            line = Line(name, LEFT_OUT, why)
        else:
            line = _run(name, setup)
        line.append(folder / LINES)
        _free()


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing is ever written: the pipe closes when the command ends, however it ends
    os._exit(1)


def _run(name: str, setup: Setup) -> Line:
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as place:
            cost, measures = measured(_as_stage_function(PARTS[name].function(), setup), 1)(Path(place))
    except Exception as error:
        traceback.print_exc()
        return Line(name, FAILED, reason(error).line, time.perf_counter() - begin)
    return Line(name, OK, "", time.perf_counter() - begin, cost.peak_device_memory, cost.peak_memory, measures)


def _as_stage_function(function: Callable[[Setup], Measures], setup: Setup) -> Callable[[Path], Made]:
    return lambda folder: (Cost(), function(setup))


def _free() -> None:
    """Memory of a part that ended, failed ones included, is free for the next."""
    import gc

    gc.collect()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
