"""Cards (README.md) of exported datasets and models: what made them, and how other programs read them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from synth_scaling.config.naming import resolved
from synth_scaling.core.terminal import printable
from synth_scaling.exporting.run import FinishedRun, inputs_of

FIELDS = ("run", "sweep", "task", "method", "label", "seed", "problems", "rollouts", "positives_used", "negatives_used")
MEASURED = ("training_rows", "tested", "wrong", "error", "error_low", "error_high")


def provenance(run: FinishedRun) -> dict[str, Any]:
    """What made an export, as plain data for export.json."""
    return {
        **{name: run.row[name] for name in (*FIELDS, *MEASURED)},
        "commit": run.commit,
        "hashes": run.row["hashes"],
        "versions": run.row["versions"],
        "inputs": inputs_of(run.config),
        "config": {key: value for key, value in resolved(run.config).items() if key not in ("output", "store")},
    }


def front_matter(values: Mapping[str, Any]) -> str:
    """The YAML head of a card; every value is written as JSON, which YAML includes."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def fenced(text: str, language: str = "") -> str:
    """`text` as a block of code, in a fence longer than any in it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(text).rstrip()}\n{fence}\n"


def cell(value: Any) -> str:
    """A value in a table of a card: text from outside is shown as code and cannot end the cell."""
    text = printable(json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value)
    text = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return f"`{text}`"


def table(values: Mapping[str, Any]) -> str:
    """A table of two columns."""
    return "\n".join(["| | |", "| --- | --- |", *(f"| {key} | {cell(value)} |" for key, value in values.items()), ""])


def made_by(run: FinishedRun) -> str:
    """The section on the run: its numbers, the stages and the whole configuration."""
    row = run.row
    config = {key: value for key, value in resolved(run.config).items() if key not in ("output", "store", "tracking")}
    return "\n".join(
        [
            "## What made it",
            "",
            "One run of synth-scaling.",
            "",
            table({name: row[name] for name in (*FIELDS, *MEASURED)} | {"commit": run.commit or "unknown"}),
            "Stages, by the hash of everything that determines them:",
            "",
            table(row["hashes"]),
            *(["Digests of the files that it read:", "", table(found)] if (found := inputs_of(run.config)) else []),
            "Its configuration:",
            "",
            fenced(OmegaConf.to_yaml(OmegaConf.create(config)), "yaml"),
        ]
    )
