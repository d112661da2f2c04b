"""The effects that a planned sweep would resolve, as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from analysis.planner.power import PairedNoise, Resolved


def power_table(rows: Sequence[Resolved], noise: PairedNoise, seeds: int, problems: int, error_name: str) -> Table:
    """One row per N; the columns of kappa and of what is needed appear where they were asked for."""
    title = f"Smallest effects at one N resolved with probability 80 %: {seeds} seeds, {problems:,} test problems"
    table = Table(title=escape(title))
    columns = ["N", "baseline error in %", "gain in points", "multiplier"]
    kappa = any(row.kappa is not None for row in rows)
    needed = any(row.seeds_needed is not None or row.problems_needed is not None for row in rows)
    for column in [*columns, *(["kappa"] if kappa else []), *(["seeds needed", "problems needed"] if needed else [])]:
        table.add_column(column, justify="right")
    for row in rows:
        cells = [f"{row.size:,}{' *' if row.extrapolated else ''}", f"{100 * row.error:.2f}"]
        cells += [f"{100 * row.difference:.2f}", f"{row.multiplier:.3g}" if math.isfinite(row.multiplier) else "none"]
        if kappa:
            cells.append("-" if row.kappa is None else f"{row.kappa:.3g}")
        if needed:
            cells += ["none" if count is None else f"{count:,}" for count in (row.seeds_needed, row.problems_needed)]
        table.add_row(*cells)
    table.caption = escape(
        f"by {error_name}. A seed's log ratio varies by {math.sqrt(noise.seeds):.3f} beyond chance"
        + ("; * beyond the earlier runs" if any(row.extrapolated for row in rows) else "")
        + ("; of one seed alone, others may differ" if seeds == 1 else "")
    )
    return table
