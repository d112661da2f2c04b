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
from synth_scaling.atomic import append_line, sync, write_text
from synth_scaling.config import Config, resolved, run_hash
from synth_scaling.environment import environment
from synth_scaling.evaluation import counts, pass_at_k, shares, wilson_interval
from synth_scaling.experiment import Outcome, run
from synth_scaling.failures import reason
from synth_scaling.leases import Busy
from synth_scaling.progress import Failure, is_done, run_folder, title
from synth_scaling.stages import sampling_versions
from synth_scaling.store import MEASURED, Cost, StageResult, Store
from synth_scaling.tracking import NoTracker, start_tracker

log = logging.getLogger("synth_scaling")
# Stages that make or measure, and are not part of a method's price.
NOT_SPENT = ("base", "evaluation", "base_evaluation", "pass_at_k", "initial_policy", "initial_responses")
log.setLevel(logging.INFO)  # a run's own log.txt holds its lines, whoever started it


def run_once(config: Config, wait: bool = True, launch: str = "") -> dict[str, Any]:
    """Make the run's result row, or read it if it was made before. What goes wrong is recorded and raised.

    Without `wait`, Busy is raised when a stage that other runs may need, too, is being made by another process; nothing
    of this run's own is there then. `launch` names the launch of a sweep that a failure belongs to.
    """
    folder = run_folder(config)
    if is_done(config):
        return json.loads((folder / "row.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(resolved(config))))
    write_text(folder / "environment.json", json.dumps(environment(), indent=1))
    for old in ("error.txt", "failure.json"):
        (folder / old).unlink(missing_ok=True)
    record = logging.FileHandler(folder / "log.txt", mode="w")
    record.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(record)
    name = title(config)
    store = Store(Path(config.store), on_start=lambda stage: log.info("%s: making %s", name, stage), wait=wait)
    tracker: NoTracker = NoTracker()
    begin = time.perf_counter()
    try:
        tracker = Recorder(start_tracker(config, folder.name, folder), folder)
        outcome = run(config, store, tracker)
        row = result_row(config, outcome)
        log_samples(config, outcome, tracker)
        write_answers(outcome, folder)
        write_text(folder / "row.json", json.dumps(row, indent=1))
        (folder / "DONE").touch()
        sync(folder)
        tracker.finish(row)
        log.info("%s: %s", name, _summary(row, time.perf_counter() - begin))
    except Busy as busy:
        log.info("%s: set aside: %s", name, busy)
        raise
    except BaseException as error:
        (folder / "error.txt").write_text(traceback.format_exc())
        stopped = not isinstance(error, Exception)  # by a signal: not the run's fault
        found = reason(error)
        Failure(found.kind, found.line, "" if stopped else launch).write(folder)
        tracker.finish(None)
        log.info("%s: failed after %.0f s: %s", name, time.perf_counter() - begin, folder / "error.txt")
        raise
    finally:
        log.removeHandler(record)
        record.close()
    return row


def write_answers(outcome: Outcome, folder: Path) -> None:
    """`correct.parquet`: one row a test problem, with its initial pass rate where that was sampled."""
    correct: dict[str, list[Any]] = {
        "problem": [r.problem for r in outcome.responses],
        "correct": [bool(r.reward) for r in outcome.responses],
    }
    if outcome.initial:
        rates = credit.initial_values(outcome.initial)
        correct["pass_rate"] = [rates[problem] for problem in correct["problem"]]
    # Plain: the file is small, and is read twice as fast by who reads thousands of them.
    pq.write_table(pa.table(correct), folder / "correct.parquet", use_dictionary=False, compression="none")


def _summary(row: dict[str, Any], seconds: float) -> str:
    return f"test error {100 * row['error']:.1f} % ({row['wrong']} of {row['tested']}), {seconds:.0f} s"


class Recorder(NoTracker):
    """Writes the run's `metrics.jsonl` and `stages.jsonl`, and hands on what it hears."""

    def __init__(self, tracker: NoTracker, folder: Path) -> None:
        self.tracker, self.folder = tracker, folder
        for file in ("metrics.jsonl", "stages.jsonl"):
            (folder / file).write_text("")

    def stage(self, name: str, result: StageResult | None) -> None:
        line: dict[str, Any] = {"stage": name, "at": time.time()}
        if result is not None:
            line["hash"] = result.hash
            if result.made_here:
                flops = result.cost.flops_training + result.cost.flops_sampling
                line |= {"seconds": result.seconds, "flops": flops}
        append_line(self.folder / "stages.jsonl", json.dumps(line))
        self.tracker.stage(name, result)

    def making(self, stage: str, digest: str) -> AbstractContextManager[None]:
        return self.tracker.making(stage, digest)

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        append_line(self.folder / "metrics.jsonl", json.dumps({"stage": stage, **point}))
        self.tracker.curve(stage, point)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.tracker.table(name, columns, rows)

    def finish(self, row: Mapping[str, Any] | None) -> None:
        if row is not None:
            numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
            append_line(self.folder / "metrics.jsonl", json.dumps({"stage": "result", **numbers}))
        self.tracker.finish(row)


def result_row(config: Config, outcome: Outcome) -> dict[str, Any]:
    """Everything a figure may want of a run, flat but for what is named.

    Tokens and FLOPs are those of the stages between the base model and the policy, as if made for this run alone:
    pretraining and measuring are left out. `cost_total` and `usage_total` are of every stage, each once: what the run
    would take with an empty store. What a stage costs each of the runs that share it is known when all of them are:
    `python -m analysis costs` tells it by `hashes`. Whoever made a stage, `seconds` and `usage` are of that making.
    """
    tested, wrong = len(outcome.responses), sum(1 - r.reward for r in outcome.responses)
    base_wrong = sum(1 - r.reward for r in outcome.untrained) if outcome.untrained else None
    low, high = wilson_interval(wrong, tested)
    done, task = outcome.stages.done, outcome.stages.task
    spent = [stage.cost for name, stage in done.items() if name not in NOT_SPENT]
    distinct = list({stage.hash: stage for stage in done.values()}.values())
    problems = {p.id: p for p in outcome.problems}
    kinds = [
        task.error_kind(problems[r.problem], outcome.stages.codec.decode(r.tokens), r.finished)
        for r in outcome.responses
        if not r.reward
    ]
    data = config.data
    return {
        "run": run_hash(config),
        "sweep": config.sweep,
        "figure": config.figure,
        "task": config.task.name,
        "method": config.method.name,
        "label": config.label,
        "seed": config.seed,
        "problems": data.problems,
        "traces": data.traces,
        "demonstrations": len(outcome.graded.demonstrations),
        "positives": data.positives,
        "negatives": data.negatives,
        "rollouts": data.rollouts,
        "positives_used": len(outcome.graded.positives),
        "negatives_used": len(outcome.graded.negatives),
        "training_rows": len(outcome.rows),
        "tested": tested,
        "wrong": wrong,
        "error": wrong / tested,
        "error_low": low,
        "error_high": high,
        "base_wrong": base_wrong,
        "base_error": None if base_wrong is None else base_wrong / tested,
        "error_kinds": shares(kinds),
        "spurious_share": spurious_share(outcome),
        "credit": credit_summary(outcome),
        "pass_at_k": {str(k): pass_at_k(outcome.sampled, k) for k in config.evaluation.pass_at_k},
        "tokens_trained": sum(cost.tokens_trained for cost in spent),
        "tokens_sampled": sum(cost.tokens_sampled for cost in spent),
        "flops_training": sum(cost.flops_training for cost in spent),
        "flops_sampling": sum(cost.flops_sampling for cost in spent),
        "seconds": {name: stage.seconds for name, stage in done.items()},
        "facts": {name: dict(stage.facts) for name, stage in done.items()},
        "costs": {name: counted(stage.cost) for name, stage in done.items()},
        "cost_total": counted(sum((stage.cost for stage in distinct), Cost())),
        "usage": {name: measured(stage.cost) for name, stage in done.items()},
        "usage_total": {
            "seconds": sum(stage.seconds for stage in distinct),
            **measured(sum((stage.cost for stage in distinct), Cost())),
        },
        "hashes": {name: stage.hash for name, stage in done.items()},
        "versions": sampling_versions(),
        "config": {key: value for key, value in resolved(config).items() if key not in ("output", "store")},
    }


def counted(cost: Cost) -> dict[str, float]:
    """Tokens and FLOPs, which are the same however often a stage is made."""
    return {key: value for key, value in asdict(cost).items() if key not in MEASURED}


def measured(cost: Cost) -> dict[str, float]:
    """Device seconds and peak memory, which are not."""
    return {key: getattr(cost, key) for key in MEASURED}


def spurious_share(outcome: Outcome) -> float | None:
    """Share of spurious steps in the right test responses; None if there are none or the task cannot tell."""
    task, codec, problems = outcome.stages.task, outcome.stages.codec, {p.id: p for p in outcome.problems}
    right = [(problems[r.problem], codec.decode(r.tokens)) for r in outcome.responses if r.reward]
    spurious = [task.spurious_steps(problem, text) for problem, text in right]
    if not right or None in spurious:
        return None
    return sum(filter(None, spurious)) / sum(len(task.steps(text)) for _, text in right)


def credit_summary(outcome: Outcome) -> dict[str, Any] | None:
    """What the step values look like around the first pits, where these fall, and the share of spurious steps.

    Profiles are lists of [offset from the first pit or step, mean Q, count], pits of [step, count], over the incorrect
    responses used; None for a method that has no values of them.
    """
    graded, task, codec = outcome.graded, outcome.stages.task, outcome.stages.codec
    if not graded.negative_values:
        return None
    problems = {p.id: p for p in outcome.trained_on}
    values = [row.values for row in graded.negative_values]
    pits = [credit.first_pit(row) or len(row) - 1 for row in values]
    true = [task.true_pit(problems[r.problem], codec.decode(r.tokens)) for r in graded.negatives]
    positive = [row.values for row in graded.positive_values]
    spurious = sum(len(credit.spurious_steps(row)) for row in positive)
    return {
        "negative_profile": credit.mean_values(values, pits),
        "positive_profile": credit.mean_values(positive, [0] * len(positive)),
        "pits": counts(pits),
        "true_pits": counts([pit for pit in true if pit is not None]),
        "pit_errors": counts([pit - known for pit, known in zip(pits, true, strict=True) if known is not None]),
        "positive_spurious_share": spurious / sum(len(row) - 1 for row in positive) if positive else None,
    }


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
