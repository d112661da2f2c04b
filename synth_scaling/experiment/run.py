"""One run from configuration to result row, in a folder of its own.

`row.json` and `correct.parquet` are what `analysis` reads; `config.yaml` is the resolved configuration,
`environment.json` what it was made with, `metrics.jsonl` the training curves and the result's numbers, `stages.jsonl`
which stages it went through, `log.txt` what was said. A run that failed has `error.txt` with the traceback and
`failure.json` with the reason. `DONE` is written last.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from synth_scaling import credit
from synth_scaling.config.naming import resolved, run_folder, title
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.pipeline import Outcome, run
from synth_scaling.experiment.row import result_row
from synth_scaling.experiment.store import Store
from synth_scaling.system.environment import environment
from synth_scaling.system.failures import Failure, reason
from synth_scaling.system.files import append_line, sync, write_text
from synth_scaling.system.leases import Busy
from synth_scaling.tracking.tracker import NoTracker, start_tracker

log = logging.getLogger("synth_scaling")
log.setLevel(logging.INFO)  # a run's own log.txt holds its lines, whoever started it


def run_once(config: Config, wait: bool = True, launch: str = "") -> dict[str, Any]:
    """Make the run's result row, or read it if it was made before. What goes wrong is recorded and raised.

    Without `wait`, Busy is raised when a stage that other runs may need, too, is being made by another process; nothing
    of this run's own is there then. `launch` names the launch of a sweep that a failure belongs to.
    """
    folder = run_folder(config)
    if folder.is_done:
        return json.loads(folder.row.read_text())
    folder.path.mkdir(parents=True, exist_ok=True)
    write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create(resolved(config))))
    write_text(folder.environment, json.dumps(environment(), indent=1))
    for earlier in (folder.error, folder.failure_record):
        earlier.unlink(missing_ok=True)
    record = logging.FileHandler(folder.log, mode="w")
    record.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(record)
    name = title(config)
    store = Store(Path(config.store), on_start=lambda stage: log.info("%s: making %s", name, stage), wait=wait)
    tracker: NoTracker = NoTracker()
    begin = time.perf_counter()
    try:
        tracker = Recorder(start_tracker(config, folder.path.name, folder.path), folder)
        outcome = run(config, store, tracker)
        row = result_row(config, outcome)
        log_samples(config, outcome, tracker)
        write_answers(outcome, folder)
        write_text(folder.row, json.dumps(row, indent=1))
        folder.done.touch()
        sync(folder.path)
        tracker.finish(row)
        log.info("%s: %s", name, _summary(row, time.perf_counter() - begin))
    except Busy as busy:
        log.info("%s: set aside: %s", name, busy)
        raise
    except BaseException as error:
        folder.error.write_text(traceback.format_exc())
        stopped = not isinstance(error, Exception)  # by a signal: not the run's fault
        found = reason(error)
        Failure(found.kind, found.line, "" if stopped else launch).write(folder.path)
        tracker.finish(None)
        log.info("%s: failed after %.0f s: %s", name, time.perf_counter() - begin, folder.error)
        raise
    finally:
        log.removeHandler(record)
        record.close()
    return row


def write_answers(outcome: Outcome, folder: RunFolder) -> None:
    """`correct.parquet`: one row a test problem, with its initial pass rate where that was sampled."""
    correct: dict[str, list[Any]] = {
        "problem": [r.problem for r in outcome.responses],
        "correct": [bool(r.reward) for r in outcome.responses],
    }
    if outcome.initial:
        rates = credit.initial_values(outcome.initial)
        correct["pass_rate"] = [rates[problem] for problem in correct["problem"]]
    # Plain: the file is small, and is read twice as fast by who reads thousands of them.
    pq.write_table(pa.table(correct), folder.correct, use_dictionary=False, compression="none")


def _summary(row: dict[str, Any], seconds: float) -> str:
    return f"test error {100 * row['error']:.1f} % ({row['wrong']} of {row['tested']}), {seconds:.0f} s"


class Recorder(NoTracker):
    """Writes the run's `metrics.jsonl` and `stages.jsonl`, and hands on what it hears."""

    def __init__(self, tracker: NoTracker, folder: RunFolder) -> None:
        self.tracker, self.folder = tracker, folder
        for file in (folder.metrics, folder.stages):
            file.write_text("")

    def stage(self, name: str, result: StageResult | None) -> None:
        line: dict[str, Any] = {"stage": name, "at": time.time()}
        if result is not None:
            line["hash"] = result.hash
            if result.made_here:
                flops = result.cost.flops_training + result.cost.flops_sampling
                line |= {"seconds": result.seconds, "flops": flops}
        append_line(self.folder.stages, json.dumps(line))
        self.tracker.stage(name, result)

    def making(self, stage: str, digest: str) -> AbstractContextManager[None]:
        return self.tracker.making(stage, digest)

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        append_line(self.folder.metrics, json.dumps({"stage": stage, **point}))
        self.tracker.curve(stage, point)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.tracker.table(name, columns, rows)

    def finish(self, row: Mapping[str, Any] | None) -> None:
        if row is not None:
            numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
            append_line(self.folder.metrics, json.dumps({"stage": "result", **numbers}))
        self.tracker.finish(row)


def log_samples(config: Config, outcome: Outcome, tracker: NoTracker) -> None:
    """Tables of pi_sft's responses with their steps, values and pits, of the policy's test responses, of the stages."""
    stages, graded, most = outcome.stages, outcome.graded, config.tracking.sampled_rows
    rows = []
    for responses, values in (
        (graded.negatives, graded.negative_values),
        (graded.positives, graded.positive_values),
    ):
        for i, response in enumerate(responses[:most]):
            ends = values[i].ends if values else stages.codec.step_ends(stages.task, response.tokens)
            steps = [stages.codec.decode(response.tokens[a:b]).strip() for a, b in pairwise((0, *ends))]
            q = [f"{v:.2f}" for v in values[i].values] if values else []
            pit = credit.first_pit(values[i].values) if values and not response.reward else None
            if pit is not None:
                steps[pit - 1] = f">>{steps[pit - 1]}<<"
            rows.append([response.problem, response.reward, pit, " | ".join(steps), " ".join(q)])
    if rows:
        tracker.table("own_responses", ["problem", "reward", "first pit", "steps", "values Q_0..Q_L"], rows)
    problems = {p.id: p for p in outcome.problems}
    test = [[problems[r.problem].prompt, stages.codec.decode(r.tokens), r.reward] for r in outcome.responses[:most]]
    tracker.table("test_responses", ["prompt", "response", "reward"], test)
    spent = [[name, s.hash, s.made_here, s.seconds, *asdict(s.cost).values()] for name, s in stages.done.items()]
    tracker.table("stages", ["stage", "hash", "made by this run", "seconds", *asdict(Cost())], spent)
