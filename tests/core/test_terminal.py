"""Text from outside on a terminal: no control character, no markup."""

from __future__ import annotations

import io
import logging
import unicodedata

from hypothesis import example, given
from rich.console import Console
from rich.table import Table

from synth_scaling.core.terminal import LogFormatter, literal, printable, say
from tests.support.outside_texts import NASTY, texts


def is_safe(text: str) -> bool:
    """Whether a terminal shows `text` and does nothing else."""
    categories = {unicodedata.category(character) for character in text} - {"Cf", "Cn", "Co"}
    controls = [character for character in text if unicodedata.category(character) == "Cc" and character not in "\n\t"]
    return not controls and "Cs" not in categories and "\u202e" not in text and "\u2028" not in text


@given(texts())
def test_printable_text_has_no_control_character_and_other_text_is_unchanged(text: str) -> None:
    assert is_safe(printable(text))
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text


@given(texts())
@example("a[/]b")
@example("[/data/x]\\\\")
@example(":warning:")
@example("[bold]\\\\[/bold]")
def test_rich_shows_text_as_it_is(text: str) -> None:
    shown, table = io.StringIO(), Table(title=literal(text), box=None, show_header=False)
    table.add_row(literal(text))
    Console(file=shown, width=10_000, emoji=False, force_terminal=False).print(table)
    for line in printable(text).expandtabs(8).splitlines():
        assert line.strip() in shown.getvalue()


def test_lines_and_logs_are_printable(capsys) -> None:
    for text in NASTY:
        say(text, ValueError(text))
        record = logging.LogRecord("log", logging.INFO, "", 0, "%s failed", (text,), None)
        assert is_safe(LogFormatter("%(message)s").format(record))
    assert is_safe(capsys.readouterr().out)
