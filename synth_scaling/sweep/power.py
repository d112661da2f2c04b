"""The line of a dry run on what the sweep would resolve, where an earlier study of the task is at hand.

The analysis computes it, in a process of its own: experiments do not import it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from synth_scaling.config.schema import Config

RESULTS = Path("results")  # of finished studies, beside the folder of this sweep and its siblings
SECONDS = 120.0  # that the analysis may take
LEAST_LABELS = 2  # at an N: a label alone has no difference to resolve


def power_line(configs: Collection[Config], output: Path) -> str | None:
    """What a sweep would resolve by the variation of an earlier study of its task, in a line; None without one.

    Earlier studies are the folders in `results` and beside `output`; the one with the most runs of the task is taken.
    """
    planned = [config for config in configs if config.figure == "size"]
    tasks = {str(config.task.name) for config in planned}
    labels: dict[int, set[str]] = {}
    for config in planned:
        labels.setdefault(config.data.problems, set()).add(config.label)
    sizes = sorted(size for size, there in labels.items() if len(there) >= LEAST_LABELS)
    if len(tasks) != 1 or not sizes:
        return None
    (task,) = tasks
    folder = earlier_study(task, output)
    if folder is None:
        return None
    seeds = len({config.seed for config in planned})
    problems = planned[0].evaluation.problems or getattr(planned[0].task, "n_test", None)
    words = ["--from", str(folder), "--task", task, "--seeds", str(seeds), "--sizes", ",".join(map(str, sizes))]
    found = _ask([*words, *(["--problems", str(problems)] if problems else [])])
    if found is None:
        return None
    tested = f" and {problems:,} test problems" if problems else ""
    return (
        f"with {seeds} seed{'s' if seeds > 1 else ''}{tested} it would resolve, with 80 % probability, "
        f"{_effects(found)}, as runs vary in {folder} (synth-scaling power)"
    )


def earlier_study(task: str, output: Path) -> Path | None:
    """The folder with the most finished runs of a task in `results` and beside `output`; None without any."""
    places = [place for parent in (RESULTS, output.parent) if parent.is_dir() for place in sorted(parent.iterdir())]
    counts = {place: sum(of == task for of in _tasks(place)) for place in places if place.resolve() != output.resolve()}
    best = max(counts, key=counts.__getitem__, default=None)
    return best if best is not None and counts[best] else None


def _tasks(folder: Path) -> Iterator[str]:
    """The task of every row of a folder that can be read."""
    try:
        collected, runs = folder / "rows.jsonl", folder / "runs"
        if runs.is_dir():
            texts = [path.read_text(encoding="utf-8") for path in runs.glob("*/row.json")]
        elif collected.is_file():
            texts = collected.read_text(encoding="utf-8").splitlines()
        else:
            return
        yield from (str(json.loads(text).get("task")) for text in texts if text.strip())
    except (OSError, ValueError, AttributeError):
        return  # no results, or being written


def _ask(words: list[str]) -> Mapping[str, Any] | None:
    """The answer of `power`; None where the study cannot give one, for instance with a single seed."""
    command = [sys.executable, "-m", "analysis", "power", *words, "--json"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
        return dict(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _effects(found: Mapping[str, Any]) -> str:
    """The smallest differences and multipliers at the ends of the sizes, e.g. "gains of 6.8 points (1.4x the data) at N
    = 200 and 1.9 points (1.3x the data) at N = 800"."""
    rows = found["resolved"]
    texts = []
    for row in rows[:1] if len(rows) == 1 else (rows[0], rows[-1]):
        times = "" if row["multiplier"] is None else f" ({row['multiplier']:.2g}x the data)"
        texts.append(f"{100 * row['difference']:.2g} points{times} at N = {row['size']}")
    return f"gains of {' and '.join(texts)}"
