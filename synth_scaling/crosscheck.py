"""Compare our evaluation with lm-evaluation-harness's, problem by problem.

    synth-scaling crosscheck SAMPLES.jsonl

SAMPLES is a file that `lm_eval --log_samples` wrote for the task of `synth-scaling export evaluation RUN FOLDER`, whose
README.md has the command. For each of the harness's filters the command prints how many problems both call correct or
incorrect, and why they differ on the others. Exit code 0; 1 if a difference is explained neither by another text nor by
the rules for reading answers; 2, with one line, for a file that cannot be read.

Example: synth-scaling crosscheck lm_eval_out/policy/samples_synth_scaling_gsm8k_2026-11-29.jsonl
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from synth_scaling.core.terminal import say


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="synth-scaling crosscheck", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("samples", type=Path, help="samples_*.jsonl of lm_eval --log_samples")
    options = parser.parse_args(arguments)
    from synth_scaling.exporting.lm_eval_samples import REASONS, compare

    try:
        by_filter = compare(options.samples)
    except ValueError as error:
        say(f"refused: {error}", file=sys.stderr)
        return 2
    first = next(iter(by_filter.values()))
    say(f"{sum(row.same_text for row in first)} of {len(first)} responses have the same text")
    say(f"{'filter':18}{'ours':>7}{'theirs':>8}{'both':>7}{'neither':>9}{'only ours':>11}{'only theirs':>13}  why")
    for name, rows in by_filter.items():
        counts = {reason: sum(row.reason == reason for row in rows) for reason in REASONS}
        why = ", ".join(f"{reason} {count}" for reason, count in counts.items() if count) or "no difference"
        both = [(row.ours, row.theirs) for row in rows]
        accuracy = (100 * sum(row.ours for row in rows) / len(rows), 100 * sum(row.theirs for row in rows) / len(rows))
        say(
            f"{name:18}{accuracy[0]:6.1f}%{accuracy[1]:7.1f}%{both.count((True, True)):7}{both.count((False, False)):9}"
            f"{both.count((True, False)):11}{both.count((False, True)):13}  {why}"
        )
    for name, rows in by_filter.items():
        for row in rows:
            if row.reason != "agree":
                say(
                    f"{name}: {row.problem}: {row.reason}: ours {_grade(row.ours)}, theirs {_grade(row.theirs)};"
                    f" we read {row.read_by_us!r}, they {row.read_by_them!r}"
                )
    used = {row.reason for rows in by_filter.values() for row in rows} - {"agree"}
    for reason in REASONS:
        if reason in used:
            say(f"{reason}: {REASONS[reason]}")
    return 1 if "unexplained" in used else 0


def _grade(correct: bool) -> str:
    return "correct" if correct else "incorrect"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
