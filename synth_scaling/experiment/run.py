"""One run from configuration to result row, in a separate folder (:mod:`synth_scaling.config.run_folder`).

The folder holds the resolved configuration, the environment, the log, training curves and a line per stage. A
successful run adds `row.json`, `correct.parquet` and `samples.parquet`, which `analysis` reads, and `DONE` as the last
file. A failed run adds `error.txt` with the traceback and `failure.json` with the reason.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from synth_scaling import credit
from synth_scaling.config.naming import resolved, run_folder, title
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.metrics import correct_counts
from synth_scaling.core.stage import StageResult
from synth_scaling.core.terminal import LogFormatter
from synth_scaling.experiment.pipeline import Outcome, run
from synth_scaling.experiment.row import result_row
from synth_scaling.experiment.samples import log_samples, write_samples
from synth_scaling.experiment.store import Store
from synth_scaling.system import signals
from synth_scaling.system.environment import environment
from synth_scaling.system.failures import Failure, reason
from synth_scaling.system.files import append_line, left_temporaries, read_advisory, sync, temporary_for, write_text
from synth_scaling.system.leases import Busy, Lease, LeaseLost
from synth_scaling.tracking.tracker import NoTracker, start_tracker

log = logging.getLogger("synth_scaling")


RESERVE = 32 * 1024  # [bytes]


def run_once(config: Config, wait: bool = True, launch: str = "", held: Lease | None = None) -> dict[str, Any]:
    """The result row of a run: computed, or read if the run is done. A failure is recorded in its folder, and raised.

    Without `wait`, Busy is raised if another process is computing a stage that this run needs before its evaluation;
    the run then leaves no result and no failure. `launch` is the launch of a sweep that a failure is recorded under.
    `held` is the lease on the run: it is checked before anything is written into the folder, and LeaseLost is raised
    if another process has taken over the run.
    """
    folder, name = run_folder(config), title(config)
    if folder.is_done:
        return json.loads(folder.row.read_text())
    begin = time.perf_counter()
    tracker: NoTracker = NoTracker()
    with ExitStack() as until_the_end:
        try:
            _prepare(config, folder, held)
            until_the_end.enter_context(log_to(folder.log))
            on_start = functools.partial(log.info, "%s: computing %s", name)
            store = Store(Path(config.store), on_start=on_start, wait=wait)
            tracker = Recorder(start_tracker(config, folder.path.name, folder.path), folder, held)
            outcome = run(config, store, tracker)
            row = result_row(config, outcome)
            log_samples(config, outcome, tracker)
            _check(held)
            write_answers(config, outcome, folder)
            write_samples(outcome, folder)
            write_text(folder.row, json.dumps(row, indent=1))
            sync(folder.path)
            _check(held)
            folder.done.touch()
        except Busy as busy:
            log.info("%s: deferred: %s", name, busy)
            raise
        except BaseException as error:
            cause = _cause(error)
            try:
                _record(cause, folder, launch, held)
            finally:
                tracker.finish(None)
            how = "failed" if isinstance(cause, Exception) else "interrupted"
            log.info("%s: %s after %.0f s: %s", name, how, time.perf_counter() - begin, folder.error)
            if cause is error:
                raise
            raise cause from error
        with suppress(OSError):  # the run is done: its files are on disk, and DONE follows with the next flush
            folder.reserve.unlink(missing_ok=True)
            sync(folder.path)
        tracker.finish(row)
        log.info("%s: %s", name, _summary(row, time.perf_counter() - begin))
    return row


def _check(held: Lease | None) -> None:
    if held is not None:
        held.check()


def _prepare(config: Config, folder: RunFolder, held: Lease | None) -> None:
    """Write the files that describe the run, and remove those of an earlier attempt."""
    folder.path.mkdir(parents=True, exist_ok=True)
    _check(held)
    _remove_earlier(folder)
    folder.reserve.write_bytes(os.urandom(RESERVE))
    described, machine = OmegaConf.to_yaml(OmegaConf.create(resolved(config))), json.dumps(environment(), indent=1)
    _check(held)
    write_text(folder.config, described)
    write_text(folder.environment, machine)
    _check(held)


def _remove_earlier(folder: RunFolder) -> None:
    """Remove what an earlier attempt left. A process that is stopped here and resumed later removes no finished run.

    Raises LeaseLost if another process has finished the run.
    """
    for earlier in (folder.error, folder.failure_record, *left_temporaries(folder.path)):
        earlier.unlink(missing_ok=True)
    if folder.done.exists():  # without a readable row
        aside = temporary_for(folder.done)
        os.replace(folder.done, aside)
        if read_advisory(folder.row, dict) is not None:  # finished by another process after the look at it
            os.replace(aside, folder.done)
            raise LeaseLost(f"{folder.path} was finished by another process")
        aside.unlink()


def _cause(error: BaseException) -> BaseException:
    """`error`, or Interrupted if this process had received a termination signal: what follows one is due to it."""
    by = signals.requested()
    return error if by is None or not isinstance(error, Exception) else signals.Interrupted(by)


def _record(error: BaseException, folder: RunFolder, launch: str, held: Lease | None) -> None:
    """Record why a run failed. Raises LeaseLost, with nothing written, if the run belongs to another process now."""
    if held is not None and held.is_lost():
        folder.reserve.unlink(missing_ok=True)  # this process may have made it again
        raise LeaseLost(f"the lease on {folder.path} was lost") from error
    cause = reason(error)
    stopped = not isinstance(error, Exception)  # by a signal: the run may be tried again in the same launch
    with suppress(OSError):  # on a full disk even these few bytes may find no room
        folder.reserve.unlink(missing_ok=True)
        Failure(cause.kind, cause.line, "" if stopped else launch).write(folder.path)
        folder.error.write_text("".join(traceback.format_exception(error)))


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Write the project's log to `file` as well, from level INFO on, whatever level the caller has set."""
    handler = logging.FileHandler(file, mode="w")
    handler.setFormatter(LogFormatter("%(asctime)s %(message)s"))
    level = log.level
    log.setLevel(min(log.getEffectiveLevel(), logging.INFO))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()


def write_answers(config: Config, outcome: Outcome, folder: RunFolder) -> None:
    """Write `correct.parquet`, one row per test problem: whether the greedy response is correct.

    Where they were sampled: `samples_correct` of `samples` responses at `evaluation.temperature`, and `pass_rate`, the
    share of correct responses of pi_sft. With several rounds also `rounds_correct` and `rounds_samples_correct`: lists
    of the same counts, after each round.
    """
    last = outcome.last
    answers: dict[str, list[Any]] = {
        "problem": [r.problem for r in last.responses],
        "correct": [bool(r.reward) for r in last.responses],
    }
    if outcome.initial:
        rates = credit.initial_values(outcome.initial)
        answers["pass_rate"] = [rates[problem] for problem in answers["problem"]]
    if samples := last.samples.get(config.evaluation.temperature):
        per_problem = correct_counts(samples)
        answers["samples_correct"] = [per_problem[problem][0] for problem in answers["problem"]]
        answers["samples"] = [per_problem[problem][1] for problem in answers["problem"]]
    if len(outcome.rounds) > 1:
        t = config.evaluation.temperature
        for column, of_rounds in (
            ("rounds_correct", [after.responses for after in outcome.rounds]),
            ("rounds_samples_correct", [after.samples.get(t, []) for after in outcome.rounds]),
        ):
            if all(of_rounds):
                counts = [correct_counts(responses) for responses in of_rounds]
                answers[column] = [[count[problem][0] for count in counts] for problem in answers["problem"]]
    # Plain encoding: the file is small, and readers of thousands of them take half the time.
    pq.write_table(pa.table(answers), folder.correct, use_dictionary=False, compression="none")


def _summary(row: dict[str, Any], seconds: float) -> str:
    split = row["config"]["evaluation"]["split"]
    text = f"{split} error {100 * row['error']:.1f} % ({row['wrong']} of {row['tested']})"
    if row["sampled_error"] is not None:
        text += f", sampled {100 * row['sampled_error']:.1f} %"
    return f"{text}, {seconds:.0f} s"


class Recorder(NoTracker):
    """Writes `metrics.jsonl` and `stages.jsonl` of a run, and passes every event on to its tracker."""

    def __init__(self, tracker: NoTracker, folder: RunFolder, held: Lease | None = None) -> None:
        self.tracker, self.folder, self.held = tracker, folder, held
        for file in (folder.metrics, folder.stages):
            file.write_text("")

    def stage(self, name: str, result: StageResult | None) -> None:
        line: dict[str, Any] = {"stage": name, "at": time.time()}
        if result is not None:
            line["hash"] = result.hash
            if result.made_here:
                flops = result.cost.flops_training + result.cost.flops_sampling
                line |= {"seconds": result.seconds, "flops": flops}
        self._append(self.folder.stages, json.dumps(line))
        self.tracker.stage(name, result)

    def computing(self, stage: str, digest: str) -> AbstractContextManager[None]:
        return self.tracker.computing(stage, digest)

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        self._append(self.folder.metrics, json.dumps({"stage": stage, **point}))
        self.tracker.curve(stage, point)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.tracker.table(name, columns, rows)

    def finish(self, row: Mapping[str, Any] | None) -> None:
        if row is not None:
            numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
            self._append(self.folder.metrics, json.dumps({"stage": "result", **numbers}))
        self.tracker.finish(row)

    def _append(self, file: Path, line: str) -> None:
        _check(self.held)
        append_line(file, line)
