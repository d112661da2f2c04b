"""Versions, commit and configuration of every run, as plain data for JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd


def provenance(rows: pd.DataFrame) -> dict[str, Any]:
    """The settings of all runs, whose values most runs of a study share.

    {"keys": names of settings, "values": per key its distinct values as text, "runs": run -> per key an index or -1}.
    Keys are "commit", "versions.PACKAGE" and the dotted keys of the configuration.
    """
    settings = {row["run"]: dict(_settings(row)) for row in rows.to_dict("records")}
    keys = sorted({key for one in settings.values() for key in one}, key=lambda key: (_group(key), key))
    places: dict[str, dict[str, int]] = {key: {} for key in keys}
    runs = {
        run: [places[key].setdefault(one[key], len(places[key])) if key in one else -1 for key in keys]
        for run, one in settings.items()
    }
    return {"keys": keys, "values": [list(places[key]) for key in keys], "runs": runs}


def _group(key: str) -> int:
    return 0 if key == "commit" else 1 if key.startswith("versions.") else 2


def _settings(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    commit = row.get("commit")
    yield "commit", commit if isinstance(commit, str) else "not recorded"
    for name in ("versions", "config"):
        if isinstance(row.get(name), Mapping):
            yield from _flat(row[name], "versions." if name == "versions" else "")


def _flat(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, default=str)
