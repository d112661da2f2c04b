"""The sampled responses that the page's viewer shows, as plain data for JSON."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

MOST = 2000  # responses on a page
FEWEST = 4  # of each kind, however many kinds there are
PI_SFT = "pi_sft"
SAMPLER = "sampler"  # of a run with several rounds, a policy of its own

KEPT = (
    "problem",
    "prompt",
    "solution",
    "answer",
    "difficulty",
    "pass_rate",
    "correct",
    "finished",
    "steps",
    "values",
    "first_error",
    "true_error",
    "walk",
    "goal",
)


def viewer_data(samples: pa.Table | None, rows: pd.DataFrame, most: int = MOST) -> dict[str, Any] | None:
    """The responses of the viewer; None without any.

    {"names": label -> display name, "boards": [...], "samples": [...]}.

    A sample has the fields `KEPT`, and task, source ("pi_sft" or the policy's label), N, seed, `board` (an index or
    None), `search` (how its values were estimated) and `pairs`: [label, side, shared steps, chosen, rejected] of every
    run that made a pair of it. A response of pi_sft that several runs share comes once. Of each kind (task, source, N,
    correct or not) as many are shown, the first ones of each seed by turns, about `most` in all.
    """
    from analysis.figures.style import plain_name

    if samples is None or not len(samples):
        return None
    by_run = {row["run"]: row for row in rows.to_dict("records")}
    merged: dict[Hashable, dict[str, Any]] = {}
    boards: dict[str, int] = {}
    for sample in samples.to_pylist():
        row = by_run[sample["run"]]
        source = {PI_SFT: PI_SFT, SAMPLER: f"{row['label']}, the policy that samples"}.get(
            sample["policy"], row["label"]
        )
        key = _key(sample, row, source)
        if key not in merged:
            merged[key] = _shown(sample, row, source, boards)
        known = merged[key]
        if not known["values"] and sample["values"]:  # another run's method needed them
            known |= {name: sample[name] for name in ("steps", "values", "first_error")}
        if sample["pair_side"]:
            pair = [sample[name] for name in ("pair_side", "pair_prefix", "pair_chosen", "pair_rejected")]
            known["pairs"].append([row["label"], *pair])
    chosen = _bounded(merged.values(), most)
    labels = {one["source"] for one in chosen} | {pair[0] for one in chosen for pair in one["pairs"]}
    names = {label: "pi_sft" if label == PI_SFT else plain_name(label) for label in labels}
    return {
        "names": dict(sorted(names.items())),
        "boards": [json.loads(board) for board in boards],
        "samples": chosen,
    }


def _key(sample: dict[str, Any], row: Mapping[Any, Any], source: str) -> Hashable:
    if sample["policy"] == SAMPLER:
        return (sample["run"], sample["problem"], sample["sample"])
    if source != PI_SFT:
        return (sample["run"], sample["problem"])
    hashes = row.get("hashes")
    policy = hashes.get(PI_SFT) if isinstance(hashes, dict) else None
    return (policy or sample["run"], row["problems"], row["seed"], sample["problem"], sample["sample"])


def _shown(sample: dict[str, Any], row: Mapping[Any, Any], source: str, boards: dict[str, int]) -> dict[str, Any]:
    board = sample["board"]
    config = row.get("config")
    search = config.get("credit", {}).get("name") if isinstance(config, dict) else None
    return {
        **{name: sample[name] for name in KEPT},
        "task": row["task"],
        "source": source,
        "N": row["problems"],
        "seed": row["seed"],
        "board": None if board is None else boards.setdefault(board, len(boards)),
        "search": search,
        "pairs": [],
    }


def _bounded(samples: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """About `most` samples, as many of each kind, seeds by turns; in an order that does not depend on the input's."""
    kinds: dict[tuple[Any, ...], dict[int, list[dict[str, Any]]]] = {}
    for one in samples:
        kind = (one["task"], one["source"] != PI_SFT, one["source"], one["N"], one["correct"])
        kinds.setdefault(kind, {}).setdefault(one["seed"], []).append(one)
    each = max(FEWEST, most // len(kinds))
    return [one for kind in sorted(kinds) for one in list(_by_turns(kinds[kind]))[:each]]


def _by_turns(by_seed: dict[int, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    seeds = [by_seed[seed] for seed in sorted(by_seed)]
    for place in range(max(map(len, seeds))):
        yield from (responses[place] for responses in seeds if place < len(responses))
