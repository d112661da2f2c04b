"""`pull`: result rows from Weights & Biases."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

from analysis.data.files import InputError
from analysis.data.wandb_rows import fetch, write


def add_parser(commands: Any, reads: argparse.ArgumentParser) -> None:
    """The command `pull`. It reads no local rows, so it has none of `reads`."""
    parser = commands.add_parser("pull", help="write the rows of a W&B project as rows.jsonl and correct.parquet")
    parser.add_argument("project", metavar="ENTITY/PROJECT")
    parser.add_argument("--group", metavar="SWEEP", help="only runs of this group")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.set_defaults(command=_pull)


def _pull(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", options.project):
        raise InputError(f"{options.project!r} is no W&B project: expected ENTITY/PROJECT")
    records = fetch(options.project, options.group)
    print(f"{write(records, options.out)} rows written to {options.out}")
    states = Counter(record.state for record in records if record.state != "finished")
    if states:
        each = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        print(f"{states.total()} unfinished runs left out ({each})")
