"""A W&B report on a sweep, by wandb-workspaces: `python -m analysis log RESULTS --report`.

It shows the study from the run that :mod:`.wandb_run` logged (error against N, multipliers, tables, figures) and the
sweep's runs (error against N as they finish, log-probabilities of chosen and rejected sides, responses).
"""

from __future__ import annotations

import os
from typing import Any

from analysis.errors import InputError
from analysis.study.study import Study

PACKAGE = "wandb-workspaces"


def check_report() -> None:
    """Refuse a report that cannot be saved, before anything is logged. Raises InputError."""
    try:
        import wandb_workspaces.reports.v2  # noqa: F401
    except ImportError:
        raise InputError(f"--report: {PACKAGE} is not installed: pip install 'synth-scaling[wandb-report]'") from None
    mode = os.environ.get("WANDB_MODE") or "online"
    if mode != "online" or not os.environ.get("WANDB_API_KEY"):
        raise InputError("--report: a report is saved on the server: WANDB_API_KEY is needed, and no WANDB_MODE")


def save_report(study: Study, entity: str, project: str, group: str, analysis_run: str) -> str:
    """Save the report in the project and return its address. Raises InputError for any error of W&B."""
    try:
        saved = report(study, entity, project, group, analysis_run).save()
        return str(saved.url)
    except Exception as error:  # of the package, its models, or the network
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"W&B refused the report: {first}") from error


def report(study: Study, entity: str, project: str, group: str, analysis_run: str) -> Any:
    """The report, not yet saved. `analysis_run` is the id of the run that has the study."""
    import wandb_workspaces.reports.v2 as wr

    of_study = wr.Runset(entity, project, name="analysis", filters=f"ID = {_quoted(analysis_run)}")
    of_runs = wr.Runset(
        entity,
        project,
        name="runs",
        filters=f"Group = {_quoted(group)} and JobType = 'run'",
        groupby=["config.label"],
    )

    def against_n(title: str, kind: str, labels: list[str], log_y: bool = True) -> Any:
        y: list[Any] = [f"{kind}/{label}" for label in labels]
        return wr.LinePlot(title=title, x="problems", y=y, log_x=True, log_y=log_y, title_x="N", title_y=title)

    labels = sorted({label for label, _ in study.cells})
    compared = sorted({one.label for one in study.multipliers if one.bound == "exact"})
    charts = [against_n(study.error_title, "error", labels)]
    if compared:
        charts.append(against_n(f"times the data of {study.baseline}", "multiplier", compared, log_y=False))
    tables = [
        wr.WeavePanelSummaryTable(table_name=name, layout=_wide(wr)) for name in ("points", "fits", "multipliers")
    ]
    return wr.Report(
        entity=entity,
        project=project,
        title=f"{group}: error against N"[:128],
        description=f"{len(study.results.rows)} runs on task {study.task}; baseline {study.baseline}",
        width="fluid",
        blocks=[
            wr.H1("Error against N"),
            wr.P(_words(study)),
            wr.PanelGrid(runsets=[of_study], panels=[*charts, *tables]),
            wr.H1("Figures"),
            wr.PanelGrid(
                runsets=[of_study],
                panels=[wr.MediaBrowser(media_keys=["figures/error_against_n"], num_columns=1, layout=_wide(wr))],
            ),
            wr.H1("Runs"),
            wr.P("Each run adds its point when it is done; chosen and rejected sides are those of preference methods."),
            wr.PanelGrid(
                runsets=[of_runs],
                panels=[
                    wr.LinePlot(title="error of each run", x="result/N", y=["result/error"], log_x=True, log_y=True),
                    *(
                        wr.LinePlot(title=name, x="policy/step", y=[f"policy/logps/{name}"])
                        for name in ("chosen", "rejected", "margin")
                    ),
                    wr.WeavePanelSummaryTable(table_name="own_responses", layout=_wide(wr)),
                ],
            ),
        ],
    )


def _words(study: Study) -> str:
    """The fitted laws, one sentence each."""
    sentences = []
    for label, curve in study.curves.items():
        low, high = curve.exponent_interval()
        alpha = f"{curve.fit.law.exponent:.3f} (95 % interval {low:.3f} to {high:.3f})"
        sentences.append(f"{label}: error falls as N to the power of -{alpha}.")
    sentences += [f"{label}: no law ({reason})." for label, reason in study.unfitted.items()]
    return " ".join(sentences) or "No error against N in these rows."


def _wide(wr: Any) -> Any:
    return wr.Layout(w=24, h=8)


def _quoted(text: str) -> str:
    """`text` in the language of filters, which has no escapes. Raises InputError for one with both kinds of quotes."""
    for quote in "'\"":
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise InputError(f"--group {text}: has both kinds of quotes, and cannot be named in a report's filter")
