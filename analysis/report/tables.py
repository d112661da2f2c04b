"""The tables of a study, for the terminal (rich) and for machines (plain objects for JSON)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, TypeVar

from rich.markup import escape
from rich.table import Table

from analysis.fits.fit import parameters
from analysis.fits.laws import FloorLaw, RectifiedLaw
from analysis.stats.overdispersion import Overdispersion
from analysis.study.agreement import agreement_note, agreement_summary
from analysis.study.curves import Curve
from analysis.study.degenerate import degenerate_notes
from analysis.study.differences import Difference
from analysis.study.efficiency import RelativeEfficiency
from analysis.study.mean_multipliers import Summary
from analysis.study.sharpness import NextSteps, TemperaturePoint
from analysis.study.study import Study

AtTemperature = TypeVar("AtTemperature", TemperaturePoint, NextSteps)
COLOURS = {"below": "green", "above": "red", "inconclusive": "dim"}


def tables(study: Study) -> list[Table]:
    """Errors, laws, multipliers (where the baseline's law can be inverted), differences, and how sharp policies are.

    A table without rows is left out: with two sizes, that of sizes two steps apart.
    """
    shown = [error_table(study), law_table(study), size_step_table(study)]
    if study.data_efficiency.multipliers or study.compute_efficiency.multipliers:
        shown += [multiplier_table(study), summary_table(study)]
    shown += [difference_table(study), temperature_table(study), next_step_table(study), coverage_table(study)]
    return [table for table in shown if table.row_count]


def error_table(study: Study) -> Table:
    """Test error by label (rows) and N (columns), with interval and number of seeds."""
    sizes = sorted({size for _, size in study.cells})
    notes = degenerate_notes(study.results)
    table = Table(title=f"{study.error_title}, in % [95 % interval], seeds", show_lines=True)
    sentences = (["Warning:", *notes] if notes else []) + agreement_note(study.results)
    table.caption = escape(" ".join(sentences)) if sentences else None
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
    """The power law of every label, and the variance between its seeds."""
    table = Table(title="Power law: error = A N^-alpha, error as a fraction")
    for column in ("label", "alpha [95 % interval]", "A [95 % interval]", "N fitted", "variance of seeds", "note"):
        table.add_column(column)
    table.caption = (
        f"error: {study.error_name}. variance of seeds: between runs that differ only in the seed, relative to "
        "chance (1: chance alone), with its "
        "p-value; sd: of a run's error beyond chance, relative to its mean. misses: the law differs from the error "
        "there by more than noise"
    )
    for label in _labels(study):
        spread = _spread(study.spreads[label])
        if label not in study.curves:
            table.add_row(escape(label), "-", "-", "-", spread, escape(study.unfitted[label]))
            continue
        curve = study.curves[label]
        alpha, amplitude = curve.exponent_interval(), curve.amplitude_interval()
        table.add_row(
            escape(label),
            f"{curve.fit.law.exponent:.3f} {_range(*alpha, 3)}",
            f"{curve.fit.law.amplitude:.3g} [{amplitude[0]:.3g}, {amplitude[1]:.3g}]".replace("[", r"\["),
            f"{curve.fit.smallest} to {curve.fit.largest}",
            spread,
            escape("; ".join(_notes(curve))),
        )
    return table


def size_step_table(study: Study) -> Table:
    """Whether the study distinguishes the baseline's sizes that are two steps apart."""
    table = _difference_table(f"{escape(study.baseline)}: {study.error_name}, at N minus that two sizes below")
    for step in study.size_steps:
        seen = "not distinguishable" if step.verdict == "inconclusive" else f"distinguishable ({step.verdict})"
        _add(table, step, f"{step.other_size} to {step.size}", seen)
    return table


def multiplier_table(study: Study) -> Table:
    """M(N) of every label, in data and in cost."""
    base = escape(study.baseline)
    table = Table(title=f"Multiplier: data that {base} needs for the same error, M(N) = N_{base}(error) / N")
    for column in ("label", "N", "in problems", "95 % interval", "in FLOPs", "95 % interval"):
        table.add_column(column, justify="right" if column == "N" else "left")
    table.caption = (
        f"error: {study.error_name}. >=: beyond {base}'s largest run, <=: short of its smallest; < and >: the "
        f"interval is open where {base}'s "
        f"runs stop. FLOPs: training and sampling together. {escape(_laws(study))}"
    )
    both = (study.data_efficiency, study.compute_efficiency)
    units = [{(one.label, one.size): one for one in efficiency.multipliers} for efficiency in both]
    keys = sorted(set().union(*units))
    for place, key in enumerate(keys, start=1):
        texts = [(one[key].short(), one[key].interval_text()) if key in one else ("-", "-") for one in units]
        last = place == len(keys) or keys[place][0] != key[0]
        table.add_row(escape(key[0]), str(key[1]), *texts[0], *texts[1], end_section=last)
    return table


def summary_table(study: Study) -> Table:
    """The mean multiplier per label and unit, and whether it changes with N."""
    table = Table(title="Geometric mean of M(N) per label, over the N at which it is exact, and bounds that disagree")
    for column in ("label", "in", "mean", "95 % interval", "N", "as N doubles [95 % interval]", "so M(N)"):
        table.add_column(column)
    table.caption = (
        f"M by {study.error_name}. as N doubles: the factor by which M changes, over all N; if it "
        "changes, the mean does not describe any one N"
    )
    units = {
        unit: efficiency
        for unit, efficiency in (("problems", study.data_efficiency), ("FLOPs", study.compute_efficiency))
        if efficiency.multipliers
    }
    summaries = {(one.label, unit): one for unit, efficiency in units.items() for one in efficiency.summaries}
    labels = sorted({one.label for efficiency in units.values() for one in efficiency.multipliers})
    for label in labels:
        for unit in units:
            one = summaries.get((label, unit))
            texts = _summary(one) if one else ("bounds only", "-", "-", "-", "-")
            table.add_row(escape(label), unit, *texts, end_section=unit == list(units)[-1])
    return table


def difference_table(study: Study) -> Table:
    """Every label's error minus the baseline's."""
    table = _difference_table(f"Paired difference of {study.error_name}: label minus {escape(study.baseline)}")
    for one in study.differences:
        _add(table, one, str(one.size), one.verdict)
    return table


def temperature_table(study: Study) -> Table:
    """Test error by label and N (rows) and temperature of sampling (columns)."""
    caption = (
        "T = 0: greedy. A method that lowers error at T = 1 alone has sharpened the policy; one that lowers it at "
        "every temperature has taught it; a single seed has no interval"
    )
    title = "Test error against temperature, in % [95 % interval over seeds]"
    return _by_temperature(study, title, caption, study.temperatures, _percent_at)


def next_step_table(study: Study) -> Table:
    """The effective number of correct next steps by label and N (rows) and temperature of sampling (columns)."""
    caption = (
        "1 / the share of pairs of correct responses that take the same next step while they agree: 1 if a policy "
        "always gives the same correct response; fewer than the baseline: a sharper policy"
    )
    title = "Effective number of correct next steps [95 % interval over seeds]"
    return _by_temperature(study, title, caption, study.next_steps, _number_at)


def _by_temperature(
    study: Study, title: str, caption: str, points: Iterable[AtTemperature], text: Callable[[AtTemperature], str]
) -> Table:
    known = {(one.label, one.size, one.temperature): one for one in points}
    temperatures = sorted({temperature for *_, temperature in known})
    table = Table(title=title, caption=caption)
    table.add_column("label")
    table.add_column("N", justify="right")
    for temperature in temperatures:
        table.add_column(f"T = {temperature:g}", justify="center")
    for label, size in _rows(study, known):
        there = [known.get((label, size, temperature)) for temperature in temperatures]
        table.add_row(escape(label), str(size), *("-" if one is None else text(one) for one in there))
    return table


def _percent_at(point: TemperaturePoint) -> str:
    error = f"{100 * point.error:.1f}"
    return error if point.seeds == 1 else f"{error} {_range(100 * point.low, 100 * point.high, 1)}"


def _number_at(point: NextSteps) -> str:
    number = f"{point.number:.2f}"
    return number if point.seeds == 1 else f"{number} {_range(point.low, point.high, 2)}"


def coverage_table(study: Study) -> Table:
    """pass@k by label and N (rows) and k (columns)."""
    points = study.coverage.points
    ks = sorted({k for *_, k in points})
    table = Table(title="Coverage: pass@k, the share of problems that one of k samples solves, in % [95 % interval]")
    table.caption = "a method that raises pass@1 but not pass@k at larger k has sharpened the policy"
    table.add_column("label")
    table.add_column("N", justify="right")
    for k in ks:
        table.add_column(f"k = {k}", justify="center")
    for label, size in _rows(study, points):
        texts = []
        for k in ks:
            key = (label, size, k)
            low, high = study.coverage.drawn.interval(key)
            text = f"{100 * (1 - points[key].error):.1f} {_range(100 * (1 - high), 100 * (1 - low), 1)}"
            texts.append(text)
        table.add_row(escape(label), str(size), *texts)
    return table


def as_json(study: Study) -> dict[str, Any]:
    """The numbers of all tables; errors as fractions, intervals as [low, high].

    "warnings" and "certificate" are there only if there are any; "temperatures", "next_steps" and "coverage" only where
    rows have samples.
    """
    notes, agreement = degenerate_notes(study.results), agreement_summary(study.results)
    return (
        ({"warnings": notes} if notes else {})
        | ({"certificate": agreement} if agreement else {})
        | {
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
                | {"preferred_law": parameters(curve.baseline_law.law)}
                | {"misses": list(curve.misses())}
                | {"seeds": _spread_as_json(study.spreads[label])}
                for label, curve in study.curves.items()
            ],
            "unfitted": dict(study.unfitted),
            "multipliers": [asdict(one) for one in study.multipliers],
            "no_multipliers": study.no_multipliers,
            "multiplier_law": parameters(study.data_efficiency.law) if study.data_efficiency.law else None,
            "multiplier_law_misses": list(study.data_efficiency.misses),
            "multiplier_summaries": _summaries_as_json(study.data_efficiency),
            "cost_multipliers": [asdict(one) for one in study.compute_efficiency.multipliers],
            "cost_multiplier_law": parameters(study.compute_efficiency.law) if study.compute_efficiency.law else None,
            "cost_multiplier_law_misses": list(study.compute_efficiency.misses),
            "no_cost_multipliers": study.compute_efficiency.reason,
            "cost_multiplier_summaries": _summaries_as_json(study.compute_efficiency),
            "size_steps": [_as_json(one) for one in study.size_steps],
            "differences": differences_as_json(study),
        }
        | _sharpness_as_json(study)
    )


def differences_as_json(study: Study) -> list[dict[str, Any]]:
    """The paired differences alone."""
    return [_as_json(one) for one in study.differences]


def _rows(study: Study, keys: Iterable[tuple[str, int, Any]]) -> list[tuple[str, int]]:
    """The distinct (label, N) of keys, labels in the order of `_labels`."""
    order = _labels(study)
    return sorted({(label, size) for label, size, _ in keys}, key=lambda row: (order.index(row[0]), row[1]))


def _sharpness_as_json(study: Study) -> dict[str, Any]:
    known: dict[str, Any] = {}
    if study.temperatures:
        known["temperatures"] = [asdict(one) for one in study.temperatures]
    if study.next_steps:
        known["next_steps"] = [asdict(one) for one in study.next_steps]
    if study.coverage.points:
        ends = {key: study.coverage.drawn.interval(key) for key in study.coverage.points}
        known["coverage"] = [
            {"label": label, "size": size, "k": k, "pass": 1 - cell.error, "interval": [1 - high, 1 - low]}
            for (label, size, k), cell in study.coverage.points.items()
            for low, high in [ends[label, size, k]]
        ]
    return known


def _labels(study: Study) -> list[str]:
    """The baseline first, then by name."""
    return sorted({label for label, _ in study.cells}, key=lambda label: (label != study.baseline, label))


def _range(low: float, high: float, digits: int) -> str:
    return rf"\[{low:.{digits}f}, {high:.{digits}f}]"  # escaped: rich reads brackets as markup


def _notes(curve: Curve) -> list[str]:
    """Reasons for caution about a fitted law."""
    missed = ", ".join(map(str, curve.misses()))
    notes = {"on a bound: alpha is a limit": curve.fit.bounded, f"misses N = {missed}": bool(missed)}
    better = curve.baseline_law.law
    bent = [f"AICc prefers {_law(better)}"] if isinstance(better, FloorLaw | RectifiedLaw) else []
    return [note for note, holds in notes.items() if holds] + bent


def _spread(spread: Overdispersion) -> str:
    """E.g. "2.3 (p 0.02), sd 6 %"."""
    if not spread.df:
        return "-"
    p_value = f"p {spread.p_value:.2f}" if spread.p_value >= 0.005 else "p < 0.005"
    return f"{spread.ratio:.1f} ({p_value}), sd {100 * spread.relative_sd:.0f} %"


def _laws(study: Study) -> str:
    """The laws of the baseline from which multipliers are read, and why a unit has none."""
    units = {"problems": study.data_efficiency, "FLOPs": study.compute_efficiency}
    missing = [f"None in {unit}: {efficiency.reason}." for unit, efficiency in units.items() if efficiency.reason]
    bent = [
        f"{_law(efficiency.law)} in {unit}"
        for unit, efficiency in units.items()
        if isinstance(efficiency.law, FloorLaw | RectifiedLaw)
    ]
    law = f"{' and '.join(bent)}, which AICc prefers" if bent else "power law"
    missed = sorted({size for efficiency in units.values() for size in efficiency.misses})
    off = [f"It misses the error of {study.baseline} at N = {', '.join(map(str, missed))}, and M there by as much."]
    return " ".join([f"Read from {study.baseline}'s {law}.", *(off if missed else []), *missing])


def _law(law: FloorLaw | RectifiedLaw) -> str:
    """E.g. "1.2 % + A / N^0.90", "A / (D + N^1.27)"."""
    floor = f"{100 * law.floor:.2g} % + " if law.floor > 0 else ""
    return floor + (f"A / N^{law.exponent:.2f}" if isinstance(law, FloorLaw) else f"A / (D + N^{law.exponent:.2f})")


def _summary(summary: Summary) -> tuple[str, ...]:
    """Mean, interval, range, trend and verdict."""
    trend = "-"
    if summary.trend is not None and summary.trend_low is not None and summary.trend_high is not None:
        trend = f"{summary.trend:.2f}x {_range(summary.trend_low, summary.trend_high, 2)}"
    return (summary.short(), summary.interval_text(), summary.range_text(), trend, summary.verdict)


def _spread_as_json(spread: Overdispersion) -> dict[str, Any]:
    known = {"ratio": spread.ratio, "p_value": spread.p_value} if spread.df else {"ratio": None, "p_value": None}
    return asdict(spread) | known


def _summaries_as_json(efficiency: RelativeEfficiency) -> list[dict[str, Any]]:
    return [{**asdict(summary), "verdict": summary.verdict} for summary in efficiency.summaries]


def _as_json(difference: Difference) -> dict[str, Any]:
    return {**asdict(difference), "verdict": difference.verdict}


def _difference_table(title: str) -> Table:
    table = Table(title=title)
    for column in ("label", "N", "difference, percentage points", "95 % interval", "verdict"):
        table.add_column(column, justify="right" if column in ("N", "difference, percentage points") else "left")
    return table


def _add(table: Table, difference: Difference, size: str, verdict: str) -> None:
    points = f"{100 * difference.difference:+.1f}"
    interval = _range(100 * difference.low, 100 * difference.high, 1)
    table.add_row(escape(difference.label), size, points, interval, verdict, style=COLOURS[difference.verdict])
