"""Report train problems that repeat test problems: shared runs of 13 words (GPT-3, arXiv 2005.14165, appendix C).

    synth-scaling contamination input=TRAIN.jsonl test=TEST.jsonl [output=CLEAN.jsonl]
        [field=question] [test_field=question] [n=13]

A problem overlaps if `n` consecutive words of it occur in a test problem; a problem of fewer words, if it equals a test
problem word for word. Words are runs of letters and digits in lower case: punctuation and signs do not count.

Example: synth-scaling contamination input=teacher.jsonl test=data/gsm8k/test.jsonl output=clean.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say
from synth_scaling.data.contamination import N, TestSet
from synth_scaling.system.jsonl import check_output, read_rows, text_at, write_rows


def main(arguments: Sequence[str]) -> int:
    """Print the report, write the problems without overlap, and return the exit code: 2, with one line, if refused."""
    if not arguments or arguments[0] in ("-h", "--help"):
        say(__doc__)
        return 0 if arguments else 2
    options = {"input": "", "test": "", "output": "", "field": "question", "test_field": "", "n": str(N)}
    try:
        for argument in arguments:
            key, sign, value = argument.partition("=")
            if not sign or key not in options:
                allowed = [f"{name}=" for name in options]
                raise ValueError(f"{argument}: allowed are {', '.join(allowed)}{did_you_mean(f'{key}=', allowed)}")
            options[key] = value
        if not options["input"] or not options["test"]:
            raise ValueError("input= and test= are needed")
        if not options["n"].isdecimal():
            raise ValueError(f"n={options['n']}: allowed are whole numbers of at least 1")
        path, test = Path(options["input"]), Path(options["test"])
        rows = list(read_rows(path))
        if options["output"]:
            check_output(Path(options["output"]), rows, path)
        tests = [text_at(test, i, row, options["test_field"] or options["field"]) for i, row in read_rows(test)]
        report = TestSet(tests, int(options["n"])).check([text_at(path, i, row, options["field"]) for i, row in rows])
        if options["output"]:
            write_rows(Path(options["output"]), [rows[i][1] for i in report.clean])
    except ValueError as error:
        say(f"refused: {error}", file=sys.stderr)
        return 2
    for overlap in report.overlaps:
        say(f"line {rows[overlap.index][0]} and test line {overlap.test + 1}: {overlap.shared}")
    say(report.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
