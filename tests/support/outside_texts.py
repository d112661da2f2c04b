"""Texts from outside that a terminal, rich, matplotlib or a browser would interpret."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "[/data/x]",
    "[red]a[/red] [/]",
    "a\\\\",
    "\\\\[bold]",
    "[link=file:///x]y[/link]",
    ":warning: [/b]",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb\x08\x7f",
    "\u202egnp.exe",
    "line\u2028end",
    "\ud800",
    "$\\frac{1}$ and $",
    "<script>alert(1)</script>&amp;",
    "{{7*7}} %s {0}",
    "",
)


def texts() -> st.SearchStrategy[str]:
    """Random texts, made of such pieces and of any characters."""
    pieces = st.one_of(st.sampled_from(NASTY), st.text(st.characters(), max_size=5), st.sampled_from("[]/\\\\$:@= ab"))
    return st.lists(pieces, max_size=6).map("".join)
