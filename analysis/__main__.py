"""Tables, figures, claims and plans from result rows: `python -m analysis VERB …`."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from analysis.commands.verbs import VERBS, listing
from analysis.errors import InputError, did_you_mean
from synth_scaling.core.terminal import say


def main(arguments: Sequence[str] | None = None, program: str = "python -m analysis") -> int:
    """Run one command, whose verb is the first argument.

    `program` is what help and usage call the command. Returns 0, or 2 after one line on stderr that says what the
    user can put right. Raises SystemExit(0) after --help.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        text = f"usage: {program} VERB …\n\n{listing()}\n\n{program} VERB --help describes a verb."
        say(text, file=sys.stdout if given else sys.stderr)
        return 0 if given else 2
    name = given[0]
    if name not in VERBS:
        question = did_you_mean(name, VERBS)
        say(f"analysis: no command {name!r}{question}; there are: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    command = importlib.import_module(f"analysis.commands.{VERBS[name].module}")
    try:
        command.run(_parse(_parser(name, command, program), given[1:]))
    except (InputError, OSError) as error:
        say(f"analysis: {error}", file=sys.stderr)
        return 2
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are InputErrors of one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def _parser(name: str, command: Any, program: str) -> _Parser:
    """The parser of one verb; its help ends with an example."""
    summary = VERBS[name].summary
    parser = _Parser(
        prog=f"{program} {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {program} {command.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return parser


def _parse(parser: _Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Raises InputError for wrong arguments, with the most similar option for one that does not exist."""
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = re.findall(r"--[\w-]+", parser.format_usage())
        parser.error(f"unknown argument {unknown[0]!r}{did_you_mean(unknown[0], known)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
