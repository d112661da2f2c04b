"""A results folder simulated from known laws, in the live layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

SIZES = (100, 200, 400, 800, 1600)
# label -> (method, A, alpha): step_dpo is worth exactly four times the data of sft, rft twice; dpo does not fall.
LAWS = {
    "sft": ("sft", 5.0, 0.5),
    "rft": ("rft", 5.0 / 2**0.5, 0.5),
    "dpo": ("dpo", 0.5, 0.0),
    "step_dpo": ("step_dpo", 5.0 / 4**0.5, 0.5),
    "step_dpo, no NLL": ("step_dpo", 5.0 / 3**0.5, 0.5),
}


@pytest.fixture(autouse=True)
def default_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables have the width of a pipe, whatever terminal the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)


WriteRun = Callable[..., dict[str, Any]]


def write_run(folder: Path, rate: float, *, tested: int = 400, **fields: Any) -> dict[str, Any]:
    """Simulate one run at an error rate and write its row and answers; hard problems are hard for every run."""
    row: dict[str, Any] = {"sweep": "grid", "task": "maze", "figure": "size", "method": "sft", "seed": 0}
    row |= {"problems": 100, "positives": 0, "negatives": 0, "rollouts": 16, "positives_used": 0} | fields
    row.setdefault("label", row["method"])
    row.setdefault("run", f"{row['label']}-{row['problems']}-{row['positives']}-{row['figure']}-{row['seed']}")
    shared = np.random.default_rng(0).normal(size=tested)
    subset = np.random.default_rng(list(row["run"].encode())).normal(size=tested)
    correct = norm.cdf(np.sqrt(0.6) * shared + np.sqrt(0.4) * subset) >= rate
    wrong = int((~correct).sum())
    row |= {"tested": tested, "wrong": wrong, "error": wrong / tested, "config": {"seed": row["seed"]}}
    place = folder / "runs" / row["run"]
    place.mkdir(parents=True)
    (place / "row.json").write_text(json.dumps(row))
    # Written in no useful order: the reader has to align them.
    problems = [f"test/{index}" for index in range(tested)]
    answers = pd.DataFrame({"problem": problems, "correct": correct}).sample(frac=1, random_state=row["seed"])
    answers.to_parquet(place / "correct.parquet", index=False)
    return row


@pytest.fixture(name="write_run")
def _write_run() -> WriteRun:
    return write_run


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of every label at every size, and a scan over positives a problem. Not to be written to."""
    folder = tmp_path_factory.mktemp("simulated")
    for seed in range(3):
        for label, (method, amplitude, exponent) in LAWS.items():
            for size in SIZES:
                rate = amplitude * size**-exponent
                positives = 4 if method == "rft" else 0
                write_run(folder, rate, label=label, method=method, problems=size, positives=positives, seed=seed)
        for size in (200, 800):
            for positives in (1, 2, 8, 16):
                # Falls at first, turns up again: nothing may force it down.
                rate = 5.0 * size**-0.5 * (1 - 0.2 * positives**0.5 + 0.04 * positives)
                used = int(0.8 * size * positives)
                at = {"problems": size, "positives": positives, "positives_used": used, "seed": seed}
                write_run(folder, rate, method="rft", figure="positives", sweep="scan", **at)
    return folder
