"""The tables of a study, for the terminal (rich) and for machines (plain objects for JSON)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from analysis.comparison import Difference
from analysis.study import Study

COLOURS = {"below": "green", "above": "red", "not resolved": "dim"}


def tables(study: Study) -> list[Table]:
    """Errors, laws, multipliers (where the baseline's law can be inverted) and differences, in that order."""
    made = [error_table(study), law_table(study), size_step_table(study)]
    if study.multipliers:
        made.append(multiplier_table(study))
    return [*made, difference_table(study)]


def error_table(study: Study) -> Table:
    """Test error by label (rows) and N (columns), with interval and number of seeds."""
    sizes = sorted({size for _, size in study.cells})
    table = Table(title="Test error in % [95 % interval], seeds", show_lines=True)
    table.add_column("label")
    for size in sizes:
        table.add_column(f"N = {size}", justify="center")
    for label in _labels(study):
        cells = []
        for size in sizes:
            if (label, size) not in study.cells:
                cells.append("-")
                continue
            low, high = study.draws.interval((label, size))
            seeds = len(study.cells[label, size].seeds)
            cells.append(f"{100 * study.draws.error[label, size]:.1f}, {seeds}\n{_range(100 * low, 100 * high, 1)}")
        table.add_row(escape(label), *cells)
    return table


def law_table(study: Study) -> Table:
    """The power law of every label."""
    table = Table(title="Power law: error = A N^-alpha, error as a fraction")
    for column in ("label", "alpha [95 % interval]", "A [95 % interval]", "N fitted", "note"):
        table.add_column(column)
    for label in _labels(study):
        if label not in study.curves:
            table.add_row(escape(label), "-", "-", "-", study.unfitted[label])
            continue
        curve = study.curves[label]
        alpha, amplitude = curve.exponent_interval(), curve.amplitude_interval()
        table.add_row(
            escape(label),
            f"{curve.fit.law.exponent:.3f} {_range(*alpha, 3)}",
            f"{curve.fit.law.amplitude:.3g} [{amplitude[0]:.3g}, {amplitude[1]:.3g}]".replace("[", r"\["),
            f"{curve.fit.smallest} to {curve.fit.largest}",
            "on a bound: alpha is a limit" if curve.fit.bounded else "",
        )
    return table


def size_step_table(study: Study) -> Table:
    """Whether the study tells the baseline's sizes apart when they lie two steps from each other."""
    table = _difference_table(f"{study.baseline}: error at N minus error two sizes below")
    for step in study.size_steps:
        seen = "not distinguishable" if step.verdict == "not resolved" else f"distinguishable ({step.verdict})"
        _add(table, step, f"{step.other_size} to {step.size}", seen)
    return table


def multiplier_table(study: Study) -> Table:
    """M(N) of every label."""
    table = Table(title=f"Data multiplier against {study.baseline}: M(N) = N_{study.baseline}(error) / N")
    for column in ("label", "N", "M(N)", "95 % interval"):
        table.add_column(column, justify="right" if column == "N" else "left")
    for found in study.multipliers:
        table.add_row(escape(found.label), str(found.size), str(found), found.interval_text())
    return table


def difference_table(study: Study) -> Table:
    """Every label's error minus the baseline's."""
    table = _difference_table(f"Paired difference of test error: label minus {study.baseline}")
    for found in study.differences:
        _add(table, found, str(found.size), found.verdict)
    return table


def as_json(study: Study) -> dict[str, Any]:
    """The numbers of all tables; errors as fractions, intervals as [low, high]."""
    return {
        "baseline": study.baseline,
        "errors": [
            {"label": label, "size": size, "seeds": list(cell.seeds), "error": cell.error}
            | {"interval": list(study.draws.interval((label, size)))}
            for (label, size), cell in study.cells.items()
        ],
        "laws": [
            {"label": label, **asdict(curve.fit)}
            | {"exponent_interval": list(curve.exponent_interval())}
            | {"amplitude_interval": list(curve.amplitude_interval())}
            for label, curve in study.curves.items()
        ],
        "unfitted": dict(study.unfitted),
        "multipliers": [asdict(found) for found in study.multipliers],
        "no_multipliers": study.no_multipliers,
        "size_steps": [_as_json(found) for found in study.size_steps],
        "differences": differences_as_json(study),
    }


def differences_as_json(study: Study) -> list[dict[str, Any]]:
    """The paired differences alone."""
    return [_as_json(found) for found in study.differences]


def _labels(study: Study) -> list[str]:
    """The baseline first, then by name."""
    return sorted({label for label, _ in study.cells}, key=lambda label: (label != study.baseline, label))


def _range(low: float, high: float, digits: int) -> str:
    return rf"\[{low:.{digits}f}, {high:.{digits}f}]"  # escaped: rich reads brackets as markup


def _as_json(found: Difference) -> dict[str, Any]:
    return {**asdict(found), "verdict": found.verdict}


def _difference_table(title: str) -> Table:
    table = Table(title=title)
    for column in ("label", "N", "difference, points", "95 % interval", "verdict"):
        table.add_column(column, justify="right" if column in ("N", "difference, points") else "left")
    return table


def _add(table: Table, found: Difference, size: str, verdict: str) -> None:
    points = f"{100 * found.difference:+.1f}"
    interval = _range(100 * found.low, 100 * found.high, 1)
    table.add_row(escape(found.label), size, points, interval, verdict, style=COLOURS[found.verdict])
