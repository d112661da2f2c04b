"""The `synth-scaling` command: its first word names a command; without one, the words belong to `run`.

Only the module of the requested command is imported, so `--help` needs a fraction of a second.
"""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.config.search_path import configs, sweep_names
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say


@dataclass(frozen=True)
class Verb:
    """One command. `module` has a `main` that takes the words after the command and returns the exit code."""

    group: str
    summary: str
    module: str


RUNS, DATA, RESULTS = "Runs and sweeps", "Data", "Results"
VERBS = {
    "run": Verb(RUNS, "train and test one policy, or every run of a sweep (also without the word `run`)", "run"),
    "status": Verb(RUNS, "state of every run of a sweep, live on a terminal", "status"),
    "retry": Verb(RUNS, "run the failed and missing runs of a sweep again", "retry"),
    "store": Verb(RUNS, "list, measure, verify and clean the store of stage results", "store"),
    "estimate": Verb(RUNS, "tokens, FLOPs and GPU hours of a sweep before it starts", "estimate"),
    "gpu-check": Verb(RUNS, "does this machine's GPU train and sample as it should, and how fast?", "gpu_check"),
    "teach": Verb(DATA, "write teacher data with an OpenAI-compatible endpoint", "teach"),
    "grade": Verb(DATA, "grade a file of responses", "grade"),
    "export": Verb(DATA, "write a run's rows, values, rollouts, policy or test problems for other programs", "export"),
    "crosscheck": Verb(DATA, "compare our evaluation with lm-evaluation-harness's, problem by problem", "crosscheck"),
    "contamination": Verb(DATA, "find training problems that repeat test problems", "contamination"),
}
# The commands of `analysis`, with the summaries of analysis.commands.verbs: this package imports `analysis` only when
# one of them is requested.
ANALYSIS = {
    "summary": "say in ten lines what was run, what each label is worth, what is undecided",
    "table": "print errors, fitted laws, multipliers and paired differences",
    "compare": "print paired differences of test error against one label",
    "gains": "print what rounds gain by more samples, freshness, negatives and step credit",
    "figures": "draw every figure as PNG, SVG, PDF and the CSV of its points",
    "report": "write figures, tables, claims and runs as one HTML page",
    "costs": "print FLOPs and seconds, per run and with shared stages counted once",
    "claims": "say what the results show about each claim of the paper",
    "plan": "find the cheapest way to an error, the best use of a budget, the next run",
    "power": "print the smallest effects that a planned sweep would resolve",
    "fit": "fit and compare scaling laws of one size",
    "fit-joint": "fit a joint scaling law of positives and negatives",
    "collect": "write the rows and samples of several folders as three files",
    "pull": "download the rows of a Weights & Biases project",
    "log": "log tables, fits and figures to Weights & Biases as one run",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0; 1 if a run failed; 2 for a refused input; 130 after Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except KeyboardInterrupt:
        say("interrupted", file=sys.stderr)
        return 130


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        say(overview())
        return 0
    first, rest = words[0], words[1:]
    if first in VERBS:
        return _of(f"synth_scaling.{VERBS[first].module}")(rest) or 0
    if first in ANALYSIS:
        return _of("analysis.__main__")(words) or 0
    if re.fullmatch(r"[\w/-]+", first) and not first.startswith("-"):  # neither an option nor key=value
        say(f"synth-scaling: {_unknown(first)}", file=sys.stderr)
        return 2
    return _of("synth_scaling.run")(words) or 0


def _of(module: str) -> Callable[[Sequence[str]], int | None]:
    main: Callable[[Sequence[str]], int | None] = importlib.import_module(module).main
    return main


def _unknown(word: str) -> str:
    if word in sweep_names():
        return f"{word}: no such command; the sweep of this name runs with --config-name {word}"
    hint = did_you_mean(word, (*VERBS, *ANALYSIS))
    return f"{word}: no such command{hint}; synth-scaling --help lists the commands, settings are key=value"


def overview() -> str:
    """The commands by group with one line each, then the sweeps that come with the package."""
    lines = [
        "Scaling laws of test error against positive and negative synthetic reasoning data.",
        "",
        "synth-scaling COMMAND ...     synth-scaling COMMAND --help explains one command, with an example",
    ]
    groups = {
        group: {name: verb.summary for name, verb in VERBS.items() if verb.group == group} for group in (RUNS, DATA)
    }
    width = max(map(len, (*VERBS, *ANALYSIS, *sweep_names()))) + 2
    for group, summaries in {**groups, RESULTS: ANALYSIS}.items():
        lines += ["", f"{group}:", *(f"  {name:{width}}{summary}" for name, summary in summaries.items())]
    lines += ["", "Sweeps that come with the package (synth-scaling run --config-name NAME):"]
    lines += [f"  {name:{width}}{question(configs('sweeps') / f'{name}.yaml')}" for name in sweep_names()]
    lines += [
        "",
        "synth-scaling run --config-name mini --dry-run says what a sweep would compute, and how long it takes.",
    ]
    return "\n".join(lines)


def question(sweep: Path) -> str:
    """The first sentence of the comment at the head of a sweep's file: the question that the sweep answers."""
    head = itertools.takewhile(lambda line: line.startswith("#"), sweep.read_text(encoding="utf-8").splitlines())
    text = " ".join(line.lstrip("# ") for line in head)
    sentence = re.match(r".*?[.?!](?= |$)", text)
    return sentence[0] if sentence else text
