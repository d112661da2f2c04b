"""The analysis of a study as one W&B run, in the project of its runs: `python -m analysis log RESULTS`.

Job type "analysis", in the group of the sweep: error against N as a chart, tables of points, fits and multipliers, and
the figures. Without a key, or without a network, the run is recorded offline.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.data.results import Results
from analysis.defaults import BASELINE, GREEDY
from analysis.errors import InputError
from analysis.figures import draw_all
from analysis.figures.inputs import FigureInputs
from analysis.study.sharpness import NextSteps, TemperaturePoint
from analysis.study.studies import STAR_GRAPH
from analysis.study.study import Study
from synth_scaling.core.terminal import say
from synth_scaling.system.environment import environment

MODES = ("online", "offline", "disabled")  # of WANDB_MODE
PATIENCE = 20  # seconds that W&B may take to answer before the run is recorded offline

Lines = list[Any]  # each a list of one value per column


def run_id(results: Results) -> str:
    """The W&B id of the analysis of these rows by one error; the same rows and error have the same id."""
    text = json.dumps(results.rows.to_dict("records"), sort_keys=True)
    if results.measure != GREEDY:
        text += results.measure
    return f"analysis-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Logged:
    """Where an analysis was recorded: one line for its user, and its W&B entity; None if it is on no server."""

    line: str
    entity: str | None


def log(study: Study, folder: Path, project: str, group: str) -> str:
    """:func:`logged`, and its line."""
    return logged(study, folder, project, group).line


def logged(study: Study, folder: Path, project: str, group: str) -> Logged:
    """Log one run into `folder`/wandb, and to W&B if there is a key.

    Raises:
        InputError: an unknown WANDB_MODE, or a run that cannot be started even offline.
    """
    results = study.results
    config: dict[str, Any] = {"baseline": study.baseline, "rows": len(results.rows), "error": results.measure}
    config |= {field: sorted(set(results.rows[field])) for field in ("task", "sweep")}
    run, code = _start(id=run_id(results), project=project, group=group, dir=str(folder), config=config), 1
    try:
        _log_points(run, study)
        tables = {"points": point_table(study), "fits": fit_table(study), "multipliers": multiplier_table(study)}
        tables |= {"temperatures": temperature_table(study), "next_steps": next_step_table(study)}
        tables["coverage"] = coverage_table(study)
        _log_tables(run, {name: table for name, table in tables.items() if table[1]})
        _log_figures(run, study)
        run.summary.update(summary(study))
        code = 0
    finally:
        run.finish(exit_code=code)
    return Logged(_where(run), run.entity if run.settings.mode == "online" else None)


def point_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of error by label and N, as fractions with their 95 % interval.

    Where a study by greedy error has rows with samples, sampled error stands beside it.
    """
    columns, beside = ["label", "N", "seeds", "error", "low", "high"], _sampled_beside(study)
    if beside is not None:
        columns += ["sampled_error", "sampled_low", "sampled_high"]
    lines: Lines = []
    for key, cell in study.cells.items():
        line = [*key, len(cell.seeds), cell.error, *study.draws.interval(key)]
        if beside is not None and key in beside.cells:
            line += [beside.cells[key].error, *beside.draws.interval(key)]
        lines.append(line + [None] * (len(columns) - len(line)))
    return columns, lines


def temperature_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of error by label, N and temperature (0: greedy), with its 95 % interval over seeds."""
    columns = [field.name for field in fields(TemperaturePoint)]
    return columns, [list(asdict(one).values()) for one in study.temperatures]


def next_step_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of the effective number of correct next steps by label, N and temperature."""
    columns = [field.name for field in fields(NextSteps)]
    return columns, [list(asdict(one).values()) for one in study.next_steps]


def coverage_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of pass@k by label, N and k, with its 95 % interval."""
    lines: Lines = []
    for (label, size, k), cell in study.coverage.points.items():
        low, high = study.coverage.drawn.interval((label, size, k))
        lines.append([label, size, k, 1 - cell.error, 1 - high, 1 - low])
    return ["label", "N", "k", "pass", "low", "high"], lines


def _sampled_beside(study: Study) -> Study | None:
    """The study by sampled error, where the study is by greedy error and rows have samples."""
    return study.sampled if study.results.measure == GREEDY else None


def fit_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of every label's power law; a label without one has the reason in the last column."""
    columns = ["label", "alpha", "alpha_low", "alpha_high", "A", "A_low", "A_high", "smallest_N", "largest_N", "note"]
    lines: Lines = []
    for label, curve in study.curves.items():
        fit, note = curve.fit, "on a bound: alpha is a limit" if curve.fit.bounded else ""
        alpha, amplitude = curve.exponent_interval(), curve.amplitude_interval()
        law = [fit.law.exponent, *alpha, fit.law.amplitude, *amplitude]
        lines.append([label, *law, fit.smallest, fit.largest, note])
    return columns, lines + [[label, *[None] * 8, reason] for label, reason in study.unfitted.items()]


def multiplier_table(study: Study) -> tuple[list[str], Lines]:
    """Columns and lines of M(N) by label and N; no lines where the baseline's law cannot be inverted."""
    lines = [asdict(one) | {"text": str(one)} for one in study.multipliers]
    return list(lines[0]) if lines else [], [list(line.values()) for line in lines]


def summary(study: Study) -> dict[str, Any]:
    """The fits as flat keys, such as alpha/sft, by which W&B can sort and plot analyses."""
    values: dict[str, Any] = {"baseline": study.baseline, "no_multipliers": study.no_multipliers}
    for label, curve in study.curves.items():
        low, high = curve.exponent_interval()
        values |= {f"alpha/{label}": curve.fit.law.exponent, f"A/{label}": curve.fit.law.amplitude}
        values |= {f"alpha_low/{label}": low, f"alpha_high/{label}": high}
    return values


def _start(**of_the_run: Any) -> Any:
    """A started run: online with a key and a network, else offline, unless WANDB_MODE says otherwise."""
    import wandb

    from synth_scaling.tracking.wandb_service import close_service, close_service_at_exit

    mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
    if mode not in MODES:
        raise InputError(f"WANDB_MODE={mode}: allowed are {', '.join(MODES)}")

    def start(mode: Any) -> Any:
        patience = float(os.environ.get("WANDB_INIT_TIMEOUT", PATIENCE))
        quiet: Any = {"silent": True, "console": "off", "x_disable_stats": True, "x_disable_meta": True}
        settings = wandb.Settings(init_timeout=patience, git_commit=environment()["commit"], **quiet)
        name = f"analysis of {of_the_run['group']}"
        run = wandb.init(name=name, job_type="analysis", mode=mode, resume="allow", settings=settings, **of_the_run)
        close_service_at_exit()
        return run

    try:
        return start(mode)
    except wandb.Error as error:
        if mode != "online":
            raise InputError(f"W&B: {_first_line(error)}") from error
        say(f"W&B is not available ({_first_line(error)})", file=sys.stderr)
    close_service()  # it holds the id of the run that did not start
    return start("offline")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _log_points(run: Any, study: Study) -> None:
    """Log one history point per N, with explicit steps: when a run is logged again, W&B drops points that it has.

    A multiplier that is only a bound is in the table, not in the chart.
    """
    beside = _sampled_beside(study)
    curves = {"error": study.cells} | ({} if beside is None else {"sampled_error": beside.cells})
    for name, cells in curves.items():
        for label in sorted({label for label, _ in cells}):
            run.define_metric(f"{name}/{label}", step_metric="problems")
    multipliers = [one for one in study.multipliers if one.bound == "exact"]
    for label in sorted({one.label for one in multipliers}):
        run.define_metric(f"multiplier/{label}", step_metric="problems")
    for step, size in enumerate(sorted({size for _, size in study.cells})):
        errors = {
            f"{name}/{label}": cell.error
            for name, cells in curves.items()
            for (label, n), cell in cells.items()
            if n == size
        }
        values = {f"multiplier/{one.label}": one.value for one in multipliers if one.size == size}
        run.log({"problems": size} | errors | values, step=step)


def _log_tables(run: Any, tables: dict[str, tuple[Sequence[str], Lines]]) -> None:
    import wandb

    run.log({name: wandb.Table(columns=list(columns), data=lines) for name, (columns, lines) in tables.items()})


def _log_figures(run: Any, study: Study) -> None:
    import wandb

    # `examine` allows one task only; the figures' own baseline may be another than the tables'.
    star_graph = study.results if study.task == STAR_GRAPH else None
    inputs = FigureInputs(study.with_baseline(BASELINE), star_graph)
    with TemporaryDirectory() as folder:
        for _ in draw_all(inputs, Path(folder)):
            pass
        run.log({f"figures/{file.stem}": wandb.Image(str(file)) for file in sorted(Path(folder).glob("*.png"))})


def _where(run: Any) -> str:
    folder = run.settings.sync_dir
    if run.settings.mode == "disabled":
        return "WANDB_MODE=disabled: nothing is recorded"
    if run.settings.mode == "online":
        return f"logged to {run.url}"
    return f"recorded offline in {folder}, to upload it: wandb sync {folder}"
