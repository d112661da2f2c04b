"""Sharpening or learning: error against the temperature of sampling, and coverage, the pass@k of k samples.

A policy that only became sharper, more certain of what it did before, has a lower error of one sample, but neither a
lower greedy error nor a higher coverage at large k. A policy that learned has both. How sharp it is, is measured apart
from its error: by the number of correct next steps that it chooses among.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.arrays import Floats
from analysis.data.cells import Cell, cells
from analysis.data.results import Results
from analysis.stats.means import mean_interval

CoverageKey = tuple[str, int, int]  # (label, N, k)


@dataclass(frozen=True)
class TemperaturePoint:
    """The mean test error of a cell's runs at one temperature of sampling.

    Attributes:
        temperature: 0 for the greedy response.
        error, low, high: a fraction, with Student's 95 % interval over the seeds, since rows hold these errors per run;
            the interval lies within 0 and 1, and has no width for a single seed.
    """

    label: str
    size: int
    temperature: float
    seeds: int
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class NextSteps:
    """Among how many correct next steps the policies of a cell choose at one temperature.

    Attributes:
        temperature: of sampling.
        number: 1 / `next_step_agreement`, the effective number, at least 1: the mean over the seeds.
        low, high: Student's 95 % interval over the seeds; without width for a single one.
    """

    label: str
    size: int
    temperature: float
    seeds: int
    number: float
    low: float
    high: float


def errors_by_temperature(results: Results) -> tuple[TemperaturePoint, ...]:
    """The errors of the rows whose figure is "size" by label, N and temperature; empty without sampled errors."""
    points = []
    for key, values in _by_temperature(results, "sampled_errors", greedy=True):
        error, low, high = mean_interval(values)
        points.append(TemperaturePoint(*key, len(values), error, max(low, 0.0), min(high, 1.0)))
    return tuple(points)


def next_steps(results: Results) -> tuple[NextSteps, ...]:
    """The effective numbers of correct next steps, by label, N and temperature; empty where no row measured them."""
    points = []
    for key, agreements in _by_temperature(results, "next_step_agreement"):
        number, low, high = mean_interval([1 / agreement for agreement in agreements])
        points.append(NextSteps(*key, len(agreements), number, max(low, 1.0), high))
    return tuple(points)


def _by_temperature(
    results: Results, field: str, greedy: bool = False
) -> list[tuple[tuple[str, int, float], list[float]]]:
    """(label, N, temperature) and the values of the rows whose figure is "size"; with the greedy error as T = 0."""
    rows = results.rows[results.rows["figure"] == "size"]
    if field not in rows:
        return []
    values: dict[tuple[str, int, float], list[float]] = {}
    for row in rows.to_dict("records"):
        measured = row[field]
        if not isinstance(measured, dict) or not measured:
            continue
        at = {float(name): value for name, value in measured.items() if value}
        if greedy:
            at = {0.0: row["wrong"] / row["tested"]} | {float(name): value for name, value in measured.items()}
        for temperature, value in at.items():
            values.setdefault((str(row["label"]), int(row["problems"]), temperature), []).append(float(value))
    return sorted(values.items())


def coverage_cells(results: Results) -> Mapping[CoverageKey, Cell]:
    """Cells by (label, N, k) of the rows whose figure is "size" and that have samples; their error is 1 - pass@k.

    k are powers of two up to the fewest samples per problem of any of these runs.
    """
    rows = results.rows[(results.rows["figure"] == "size") & results.rows["run"].isin(list(results.samples))]
    if rows.empty:
        return {}
    most = min(results.samples[run].each for run in rows["run"])
    points: dict[CoverageKey, Cell] = {}
    for k in (1 << place for place in range(most.bit_length())):

        def failing(run: str, k: int = k) -> Floats:
            return results.samples[run].all_incorrect(k)

        by_key = cells(results, rows, ["label", "problems"], failing)
        points |= {(str(label), int(size), k): cell for (label, size), cell in by_key.items()}
    return dict(sorted(points.items()))
