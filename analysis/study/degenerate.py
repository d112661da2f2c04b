"""Runs whose policy has learned nothing, or whose responses do not fit into the length limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.data.results import Results

MOSTLY = 0.5  # share of the test responses
SIZE = "size"  # the figure of error against N


def degenerate_notes(results: Results) -> list[str]:
    """A sentence on the runs with no correct response, and one on those that were mostly cut at the length limit."""
    wrong: dict[tuple[str, int], list[int]] = {}
    cut: dict[tuple[str, int], list[int]] = {}
    for row in results.rows.to_dict("records"):
        if row["figure"] != SIZE:
            continue
        point = (str(row["label"]), int(row["problems"]))
        if row["wrong"] == row["tested"]:
            wrong.setdefault(point, []).append(int(row["seed"]))
        if unfinished(row) > MOSTLY * row["tested"]:
            cut.setdefault(point, []).append(int(row["seed"]))
    notes = (("No response is correct", wrong), ("More than half of the responses were cut at the length limit", cut))
    return [f"{words}: {_points(points)}." for words, points in notes if points]


def unfinished(row: Mapping[Any, Any]) -> float:
    """Number of test responses that were cut; rows of earlier versions count only those without another fault."""
    known = row.get("unfinished")
    if known is not None and known == known:  # NaN: a row without the field beside rows with it
        return float(known)
    kinds = row.get("error_kinds")
    return float(kinds.get("unfinished", 0.0)) * row["wrong"] if isinstance(kinds, Mapping) else 0.0


def _points(points: Mapping[tuple[str, int], list[int]]) -> str:
    """E.g. "dpo at N = 100 (seeds 0, 1); sft at N = 50 (seed 0)"."""
    return "; ".join(
        f"{label} at N = {size} (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds)))})"
        for (label, size), seeds in sorted(points.items())
    )
