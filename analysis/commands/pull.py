"""`pull`: result rows of a Weights & Biases project as local files."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from analysis.errors import InputError
from synth_scaling.core.terminal import say

EXAMPLE = "pull my-team/synth-scaling --group maze_full --out results/mine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", metavar="ENTITY/PROJECT", help="the W&B project")
    parser.add_argument("--group", metavar="SWEEP", help="only runs of this group")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write the two files to")


def run(options: argparse.Namespace) -> None:
    """Download the finished runs, write their rows, and say how many runs are unfinished."""
    from collections import Counter

    from analysis.data.wandb_rows import fetch, write

    if not re.fullmatch(r"[^/\s]+/[^/\s]+", options.project):
        raise InputError(f"{options.project!r} is no W&B project: expected ENTITY/PROJECT")
    records = fetch(options.project, options.group)
    say(f"{write(records, options.out)} rows written to {options.out}")
    states = Counter(record.state for record in records if record.state != "finished")
    if states:
        each = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        say(f"{states.total()} unfinished runs left out ({each})")
