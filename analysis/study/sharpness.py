"""Sharpening or learning: error against the temperature of sampling, and coverage, the pass@k of k samples.

A policy that only became sharper, more certain of what it did before, has a lower error of one sample, but neither a
lower greedy error nor a higher coverage at large k. A policy that learned has both.
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


def errors_by_temperature(results: Results) -> tuple[TemperaturePoint, ...]:
    """The errors of the rows whose figure is "size" by label, N and temperature; empty without sampled errors."""
    rows = results.rows[results.rows["figure"] == "size"]
    if "sampled_errors" not in rows:
        return ()
    errors: dict[tuple[str, int, float], list[float]] = {}
    for row in rows.to_dict("records"):
        sampled = row["sampled_errors"]
        if not isinstance(sampled, dict) or not sampled:
            continue
        at = {0.0: row["wrong"] / row["tested"]} | {float(name): error for name, error in sampled.items()}
        for temperature, error in at.items():
            errors.setdefault((str(row["label"]), int(row["problems"]), temperature), []).append(float(error))
    points = []
    for key, values in sorted(errors.items()):
        error, low, high = mean_interval(values)
        points.append(TemperaturePoint(*key, len(values), error, max(low, 0.0), min(high, 1.0)))
    return tuple(points)


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
