"""The verbs of the analysis: the module of each, its group and its line in the list of commands.

Importing this module imports nothing else, so that a list of commands appears at once. A module of `analysis.commands`
that serves a verb has

    EXAMPLE                   the arguments of a typical call, shown at the end of `VERB --help`
    add_arguments(parser)     declares its arguments
    run(options)              does the work; raises InputError for what the user can put right

and imports pandas, scipy, matplotlib and rich inside `run` only.
"""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """The module of a command, and its line in the list of commands.

    Attributes:
        module: its module in `analysis.commands`.
        group: the heading that it is listed under.
        summary: one line on what it does.
    """

    module: str
    group: str
    summary: str


RESULTS, DECISIONS, LAWS, ROWS = "Results", "Claims and plans", "Scaling laws of any CSV file", "Result rows"

VERBS = {
    "summary": Verb("summary", RESULTS, "say in ten lines what was run, what each label is worth, what is undecided"),
    "table": Verb("table", RESULTS, "print errors, fitted laws, multipliers and paired differences"),
    "compare": Verb("compare", RESULTS, "print paired differences of test error against one label"),
    "gains": Verb("gains", RESULTS, "print what rounds gain by more samples, freshness, negatives and step credit"),
    "figures": Verb("figures", RESULTS, "draw every figure as PNG, SVG, PDF and the CSV of its points"),
    "report": Verb("report", RESULTS, "write figures, tables, claims and runs as one HTML page"),
    "costs": Verb("costs", RESULTS, "print FLOPs and seconds, per run and with shared stages counted once"),
    "claims": Verb("claims", DECISIONS, "say what the results show about each claim of the paper"),
    "plan": Verb("plan", DECISIONS, "find the cheapest way to an error, the best use of a budget, the next run"),
    "power": Verb("power", DECISIONS, "print the smallest effects that a planned sweep would resolve"),
    "fit": Verb("fit", LAWS, "fit and compare scaling laws of one size"),
    "fit-joint": Verb("fit_joint", LAWS, "fit a joint scaling law of positives and negatives"),
    "collect": Verb("collect", ROWS, "write the rows and samples of several folders as three files"),
    "pull": Verb("pull", ROWS, "download the rows of a Weights & Biases project"),
    "log": Verb("log", ROWS, "log tables, fits and figures to Weights & Biases as one run"),
}


def listing() -> str:
    """The verbs with their summaries, grouped, as lines of text."""
    lines: list[str] = []
    for group in dict.fromkeys(verb.group for verb in VERBS.values()):
        lines += ["", f"{group}:"]
        lines += [f"  {name:<10}  {verb.summary}" for name, verb in VERBS.items() if verb.group == group]
    return "\n".join(lines[1:])
