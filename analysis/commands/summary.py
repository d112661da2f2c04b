"""`summary`: what a study shows, in about ten lines, and where everything lies."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.arguments import add_baseline, add_draws, add_error, add_results, load_selected
from analysis.commands.console import print_json
from synth_scaling.core.terminal import say

EXAMPLE = "summary results/collect_full --error sampled"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_results(parser)
    add_error(parser)
    add_baseline(parser, "the label that the others are compared with")
    add_draws(parser)


def run(options: argparse.Namespace) -> None:
    """Print the summary."""
    from analysis.report.summary import sentences
    from analysis.study.study import examine

    lines = sentences(examine(load_selected(options), options.baseline, options.draws))
    if options.json:
        print_json(lines)
        return
    for line in lines:
        say(line)
    for line in _places(options.results, options.error):
        say(line)


def _places(folder: Path, error: str) -> list[str]:
    """Paths of the rows, figures, report and policies of the study, and the next command."""
    measure = "" if error == "greedy" else f" --error {error}"
    figures, page = folder / "figures", folder / "report.html"
    there = [
        f"rows {folder / 'rows.jsonl'}" if (folder / "rows.jsonl").exists() else f"rows and logs {folder / 'runs'}"
    ]
    there += [f"figures {figures}"] * figures.is_dir() + [f"report {page}"] * page.is_file()
    missing = [name for name, path in (("figures", figures), ("report", page)) if not path.exists()]
    commands = [f"synth-scaling {verb} {folder}{measure}" for verb in (*missing, "table")]
    return [f"Files: {', '.join(there)}.", f"Next: {'; '.join(commands)}"]
