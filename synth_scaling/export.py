"""Export a finished run for other programs: its training rows, step values, rollouts, policy or evaluation.

    synth-scaling export rows     RUN FOLDER    training rows, as TRL, OpenRLHF and LLaMA-Factory read them
    synth-scaling export values   RUN FOLDER    step values: response, steps, Q, A, first error
    synth-scaling export rollouts RUN FOLDER    graded responses, as data.rollouts_path reads them
    synth-scaling export policy   RUN FOLDER    the policy: a Hugging Face model folder
    synth-scaling export evaluation RUN FOLDER  test problems and our grades, as a task of lm-evaluation-harness

RUN is the folder of a finished run, OUTPUT/runs/HASH. FOLDER gets train.jsonl and train.parquet (or the model) and a
card that says what made it. It is written whole or not at all; one that exists is refused without --overwrite, and one
that is no export is never replaced. Exit code 2, with one line, for what is refused.

Example: synth-scaling export rows outputs/demo/runs/0123456789abcdef demo_rows
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from synth_scaling.core.terminal import say

WHAT = ("rows", "values", "rollouts", "policy", "evaluation")


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="synth-scaling export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--store", type=Path, help="the store of its stages (default: the one of its configuration)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    options = parser.parse_args(arguments)
    from synth_scaling.exporting.folder import check_target, write_folder

    try:
        check_target(options.folder, options.overwrite)
        from synth_scaling.exporting import dataset, lm_eval, policy  # transformers: slow
        from synth_scaling.exporting.run import read_run

        of = {
            "rows": dataset.rows_of,
            "values": dataset.values_of,
            "rollouts": dataset.rollouts_of,
            "policy": policy.policy_of,
            "evaluation": lambda run: lm_eval.evaluation_of(run, options.folder),
        }
        fill, line = of[options.what](read_run(options.run, options.store))
        write_folder(options.folder, fill, options.overwrite)
    except ValueError as error:
        say(f"refused: {error}", file=sys.stderr)
        return 2
    say(f"{options.folder}: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
