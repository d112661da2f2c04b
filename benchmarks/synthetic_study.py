"""A study that nobody ran: rows of every figure, drawn from known laws. For benchmarks and tests of the analysis.

Every error rate is `5 (P + kappa M)^-0.5` of some effective amount of data. Hard problems are hard for every run: an
answer is wrong where a normal variable, shared by all runs in part, falls below the rate's quantile.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import ndtr, ndtri

SIZES = (100, 200, 400, 800, 1600, 3200)
FIXED = 400  # the N of every scan
AMPLITUDE, EXPONENT = 5.0, 0.5
KAPPA = {"step_dpo": 0.5, "step_sft": 0.3}
SHARED = 0.6  # of the variance: how far runs agree on which problems are hard
STEPS = 8  # of a response
SAMPLES = 4  # per test problem
# label -> (method, how many times its data SFT would need)
WORTH = {
    "sft": ("sft", 1.0),
    "rft": ("rft", 2.0),
    "rft_filtered": ("rft_filtered", 2.3),
    "dpo": ("dpo", 0.6),
    "dpo_edit_distance": ("dpo_edit_distance", 0.8),
    "step_dpo": ("step_dpo", 1 + 6 * KAPPA["step_dpo"]),
    "step_dpo, no NLL": ("step_dpo", 2.6),
    "step_sft": ("step_sft", 1 + 6 * KAPPA["step_sft"]),
    "advantage_weighted": ("advantage_weighted", 3.5),
}
PAIRINGS = {
    "dpo_edit_distance, farthest": ("dpo_edit_distance", 0.5),
    "step_dpo, full right response": ("step_dpo", 1.6),
    "step_dpo, rest of the wrong one": ("step_dpo", 2.0),
    "dpo, NLL": ("dpo", 1.1),
}
FILTERS = {"rft_filtered, tokens": ("rft_filtered", 1.8), "rft_filtered, 16 rollouts": ("rft_filtered", 2.5)}
# label -> (method, its options, how many times its data SFT would need after each round)
ROUNDS: dict[str, tuple[str, dict[str, float], tuple[float, ...]]] = {
    "sft": ("sft", {}, (1.0,)),
    "rft": ("rft", {}, (2.0, 2.6, 3.0)),
    "rft, 48 samples": ("rft", {}, (2.4,)),
    "topr": ("topr", {"negative": 1.0}, (2.5, 4.0, 5.0)),
    "topr, positives only": ("topr", {"negative": 0.0}, (2.0, 2.5, 2.8)),
    "dpo": ("dpo", {}, (0.6, 0.7, 0.8)),
    "step_dpo": ("step_dpo", {}, (4.0, 6.0, 8.0)),
}
# figure -> the setting of the task that it varies, and how many times its data SFT would need at each value
WORLDS: dict[str, tuple[str, dict[float, float]]] = {
    "choices": ("choices", {1: 8.0, 2: 2.0, 4: 1.5}),
    "habits": ("habit_strength", {0.25: 2.0, 1: 0.5}),
    "length": ("wanted", {5: 3.0}),
    "apart": ("classes", {1: 2.0, 8: 0.5}),
}
WORLD = {"choices": None, "habit_strength": 0.5, "wanted": 10, "classes": 4}  # that of all other runs
STAR_GRAPH = {"step_dpo, pi_sft of 1 epoch": ("step_dpo", 8.0)}


def write_study(folder: Path, seeds: int = 5, problems: int = 1000, sizes: tuple[int, ...] = SIZES) -> int:
    """Write rows.jsonl and correct.parquet of 154 runs a seed, with all six sizes; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    difficulty = np.random.default_rng(0).normal(size=problems)
    names = [f"test/{index:05d}" for index in range(problems)]
    lines, tables = [], []
    for seed in range(seeds):
        for fields, rate in _runs(sizes):
            row = _row(fields, seed, problems)
            rng = np.random.default_rng(list(row["run"].encode()))
            rates = [*fields.get("earlier", ()), rate]  # after each round
            selected = rng.normal(size=(len(rates), problems))
            answers = [
                ndtr(math.sqrt(SHARED) * difficulty + math.sqrt(1 - SHARED) * drawn) >= after
                for after, drawn in zip(rates, selected, strict=True)
            ]
            sampled = [_samples(row, after, difficulty, len(rates) - 1 - i) for i, after in enumerate(rates)]
            correct, samples = answers[-1], sampled[-1]
            wrong = int((~correct).sum())
            row |= {"wrong": wrong, "error": wrong / problems}
            error = 1 - float(samples.mean()) / SAMPLES
            if fields.get("figure") == "rounds":
                row["rounds"] = [
                    {"round": i + 1, "wrong": int((~after).sum())}
                    | {name: row[name] * (i + 1) / len(rates) for name in ("flops_sampling", "flops_training")}
                    for i, after in enumerate(answers)
                ]
            row |= {"samples": SAMPLES, "sampled_error": error}
            row["sampled_errors"] = {"0.5": (error + row["error"]) / 2, "1": error}
            lines.append(json.dumps(row, sort_keys=True) + "\n")
            columns = {"run": [row["run"]] * problems, "problem": names, "correct": correct}
            columns |= {"pass_rate": _pass_rates(row, difficulty), "samples_correct": samples}
            columns["samples"] = np.full(problems, SAMPLES)
            several = len(rates) > 1
            for name, after in (("rounds_correct", answers), ("rounds_samples_correct", sampled)):
                lists = np.stack(after).T.astype(int).tolist() if several else [None] * problems
                columns[name] = pa.array(lists, pa.list_(pa.int32()))
            tables.append(pa.table(columns))
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    pq.write_table(pa.concat_tables(tables), folder / "correct.parquet")
    return len(lines)


def error_rate(amount: float) -> float:
    """Error of an effective amount of data, in teacher problems."""
    return min(0.95, AMPLITUDE * amount**-EXPONENT)


def _runs(sizes: tuple[int, ...]) -> Iterator[tuple[dict[str, Any], float]]:
    """The fields in which a run differs from the default, and its error rate, for one seed."""
    for label, (method, worth) in WORTH.items():
        for size in sizes:
            yield {"label": label, "method": method, "problems": size}, error_rate(worth * size)
    scan = {"problems": FIXED}
    for traces in (2, 4, 8):
        rate = error_rate(FIXED * traces**0.7)
        yield scan | {"figure": "teacher", "method": "sft", "traces": traces}, rate
    for positives in (1, 2, 8, 16):
        # Falls at first, turns up again: nothing may force it down.
        rate = error_rate(FIXED) * (1 - 0.25 * positives**0.5 + 0.06 * positives)
        yield scan | {"figure": "positives", "method": "rft", "positives": positives}, rate
    for method, kappa in KAPPA.items():
        for size in sizes[1:-1]:
            for negatives in (1, 2, 4):
                rate = error_rate(size * (1 + kappa * 0.75 * negatives))
                yield {"figure": "grid", "method": method, "problems": size, "negatives": negatives}, rate
    for label, (method, worth) in PAIRINGS.items():
        yield scan | {"figure": "pairing", "method": method, "label": label}, error_rate(worth * FIXED)
    for label, (method, worth) in FILTERS.items():
        yield scan | {"figure": "filter", "method": method, "label": label}, error_rate(worth * FIXED)
    for epochs in (1, 10, 20, 40):
        worth = 1 + 6 * KAPPA["step_dpo"] * math.exp(-epochs / 15)
        yield scan | {"figure": "rollout_policy", "method": "step_dpo", "epochs": epochs}, error_rate(worth * FIXED)
    for rollouts in (1, 2, 4, 8):
        worth = 1 + 7 * KAPPA["step_dpo"] * rollouts / (rollouts + 2)
        yield scan | {"figure": "rollouts", "method": "step_dpo", "completions": rollouts}, error_rate(worth * FIXED)
    for figure, (setting, worths_of_sft) in WORLDS.items():
        for value, world_worth in worths_of_sft.items():
            world = {setting: value} | ({"rule": "table"} if figure == "apart" else {})
            for method in ("sft", *KAPPA):
                rate = error_rate(world_worth * WORTH[method][1] * FIXED)
                yield scan | {"figure": figure, "method": method, "world": world}, rate
    for label, (method, options, worths) in ROUNDS.items():
        *earlier, last = [error_rate(worth * FIXED) for worth in worths]
        more = {"earlier": earlier, "options": options, "rollouts": 48 if "48" in label else 16}
        yield scan | {"figure": "rounds", "method": method, "label": label, **more}, last
    for size in (200, 800, 3200):
        for label, (method, worth) in (WORTH | STAR_GRAPH).items():
            rate = 0.8 if worth < 3 else error_rate(worth * size / 8)
            yield {"task": "star_graph", "label": label, "method": method, "problems": size}, rate


def _row(fields: dict[str, Any], seed: int, tested: int) -> dict[str, Any]:
    given = {"figure": "size", "task": "maze", "positives": 4, "negatives": 8, "traces": 1, "epochs": 5} | fields
    method, size = given["method"], given["problems"]
    label = given.get("label", method)
    completions, star = given.get("completions", 16), given["task"] == "star_graph"
    name = json.dumps([given, seed], sort_keys=True)
    own_data = 0 if method == "sft" else size
    return {
        "run": hashlib.sha256(name.encode()).hexdigest()[:16],
        "sweep": "synthetic",
        "task": given["task"],
        "figure": given["figure"],
        "method": method,
        "label": label,
        "seed": seed,
        "problems": size,
        "positives": given["positives"],
        "negatives": given["negatives"],
        "rollouts": given.get("rollouts", 16),
        "positives_used": int(0.9 * own_data * given["positives"]),
        "negatives_used": int(0.75 * own_data * given["negatives"]),
        "training_rows": size * given["traces"] + 2 * own_data,
        "tested": tested,
        "flops_training": 1e8 * (size * given["traces"] + 2 * own_data),
        "flops_sampling": 2e6
        * own_data
        * given.get("rollouts", 16)
        * (1 + len(given.get("earlier", ())))
        * (completions if method in VALUED else 1),
        "tokens_trained": 60 * size,
        "tokens_sampled": 160 * own_data,
        "spurious_share": SPURIOUS[method] * (1 + 0.05 * ((7 * seed) % 5 - 2)),
        "credit": _credit(seed, size) if method in VALUED else None,
        "config": {
            "data": {"traces": given["traces"]},
            "rollout_policy": {"epochs": given["epochs"]},
            "credit": {"rollouts": completions},
            **({"method": {"name": method, **given["options"]}} if "options" in given else {}),
            "task": {"name": given["task"]} | ({"degree": 5} if star else WORLD | given.get("world", {})),
        },
    }


VALUED = ("step_dpo", "step_sft", "advantage_weighted", "rft_filtered")
SPURIOUS = {"sft": 0.2, "rft": 0.18, "rft_filtered": 0.13, "dpo": 0.22, "dpo_edit_distance": 0.21} | {
    "step_dpo": 0.08,
    "step_sft": 0.11,
    "advantage_weighted": 0.1,
    "topr": 0.15,
}


def _credit(seed: int, size: int) -> dict[str, Any]:
    """Values that fall to 0 at a first pit which is found a step early or late now and then."""
    rng = np.random.default_rng([seed, size])
    pits = rng.integers(1, STEPS + 1, size=300)
    actual = np.clip(pits + rng.choice([-1, 0, 1], p=[0.2, 0.7, 0.1], size=300), 1, STEPS)
    offsets = range(-STEPS, STEPS)
    counts = {offset: int(((actual + offset >= 0) & (actual + offset <= STEPS)).sum()) for offset in offsets}
    value = {offset: 0.0 if offset >= 0 else 0.55 + 0.02 * offset + 0.02 * rng.normal() for offset in offsets}
    return {
        "negative_profile": [[offset, value[offset], counts[offset]] for offset in offsets if counts[offset]],
        "positive_profile": [[step, 0.6 + 0.05 * step, 300] for step in range(STEPS)],
        "pits": _counts(actual),
        "true_pits": _counts(pits),
        "pit_errors": _counts(actual - pits),
        "positive_spurious_share": 0.2,
    }


def _counts(values: np.ndarray) -> list[list[int]]:
    return [[int(value), int((values == value).sum())] for value in np.unique(values)]


def _samples(row: dict[str, Any], rate: float, difficulty: np.ndarray, before: int = 0) -> np.ndarray:
    """(P,) correct ones among the samples, whose error rate is the root of the greedy one; `before` counts rounds."""
    right = ndtr((math.sqrt(SHARED) * difficulty - ndtri(math.sqrt(rate))) / math.sqrt(1 - SHARED))
    more = [before] if before else []
    return np.random.default_rng([SAMPLES, *row["run"].encode(), *more]).binomial(SAMPLES, right)


def _pass_rates(row: dict[str, Any], difficulty: np.ndarray) -> pa.Array:
    """Right among 8 samples of the SFT policy of that N and seed; none but for maze runs of figure "size"."""
    if (row["task"], row["figure"]) != ("maze", "size"):
        return pa.nulls(len(difficulty), pa.float32())
    threshold = ndtri(error_rate(row["problems"]))
    right = ndtr((math.sqrt(SHARED) * difficulty - threshold) / math.sqrt(1 - SHARED))
    samples = np.random.default_rng([row["seed"], row["problems"]]).binomial(8, right)
    return pa.array(samples / 8, pa.float32())
