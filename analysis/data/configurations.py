"""Rows by configuration: every setting that was run, in whatever figure, under a name that says how it differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.data.cells import Cell, SizeKey, cells
from analysis.data.results import Results

# The parts of a configuration that a row's error and cost depend on, beside its task.
PARTS = ("credit", "data", "method", "model", "rollout_policy", "trainer")
NOT_NAMED = {"data.problems", "method.name"}  # N is the axis, and the label names the method
COLUMNS = ("traces", "rollouts", "positives", "negatives")  # settings of data that are columns, too
PLAIN = ("data.", "method.")  # their settings are named without the part


def configurations(results: Results) -> pd.DataFrame:
    """The rows of all figures with a column "configuration", one row per configuration, N and seed.

    A configuration is a label with the settings in which a row differs from most of the label's rows of figure "size"
    (of any figure, where it has none): "step_dpo, negatives=2", "rft, positives=16, rollouts=64". A run that two
    figures need counts once, as one of "size".
    """
    rows = results.rows
    first = rows.assign(
        settings=pd.Series(_settings(rows), index=rows.index, dtype=object), other=rows["figure"] != "size"
    ).sort_values("other", kind="stable")
    usual = {label: _usual(group) for label, group in first.groupby("label")}
    names = [_name(label, row, usual[label]) for label, row in zip(first["label"], first["settings"], strict=True)]
    named = first.assign(configuration=names).drop(columns=["settings", "other"])
    return named.drop_duplicates(["configuration", "problems", "seed"])


def configuration_cells(results: Results, rows: pd.DataFrame) -> dict[SizeKey, Cell]:
    """The cells of `configurations` by (configuration, N). Raises InputError for rows of several tasks."""
    by_key = cells(results, rows, ["configuration", "problems"])
    return {(str(name), int(size)): cell for (name, size), cell in by_key.items()}


def _settings(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Each row's settings by dotted path, from its columns and its configuration."""
    configs = rows["config"] if "config" in rows else [None] * len(rows)
    columns = [name for name in COLUMNS if name in rows]
    return [
        {f"data.{name}": value for name, value in row.items() if value == value}  # NaN where a row lacks it
        | {
            path: value
            for part in PARTS
            for path, value in _leaves(part, config.get(part) if isinstance(config, Mapping) else None)
            if path not in NOT_NAMED
        }
        for row, config in zip(rows[columns].to_dict("records"), configs, strict=True)
    ]


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif value is not None:
        yield path, value


def _usual(rows: pd.DataFrame) -> dict[str, Any]:
    """The most frequent value of every setting among a label's rows of figure "size", or else among all of them."""
    among = rows[~rows["other"]] if not rows["other"].all() else rows
    values: dict[str, Counter[str]] = {}
    for settings in among["settings"]:
        for path, value in settings.items():
            values.setdefault(path, Counter())[repr(value)] += 1
    return {path: counts.most_common(1)[0][0] for path, counts in values.items()}


def _name(label: str, settings: Mapping[str, Any], usual: Mapping[str, str]) -> str:
    # A setting that the other rows do not record came with a later version: it tells nothing apart.
    apart = {path: value for path, value in settings.items() if path in usual and repr(value) != usual[path]}
    texts = []
    for path, value in sorted(apart.items()):
        part = next((part for part in PLAIN if path.startswith(part)), "")
        texts.append(f"{path.removeprefix(part)}={value}")
    return ", ".join([str(label), *texts])
