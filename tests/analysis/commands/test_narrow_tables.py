"""Tables in narrow terminals and in pipes: nothing is lost at 80 columns, and COLUMNS is honoured."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from analysis.commands.console import FOLDED, print_tables
from synth_scaling.core.terminal import printable


def table_of(texts: list[list[str]], title: str = "A title", caption: str = "a note") -> Table:
    table = Table(title=title, caption=caption)
    for place in range(len(texts[0])):
        table.add_column(f"column {place}")
    for row in texts:
        table.add_row(*map(escape, row))
    return table


def printed(capsys, monkeypatch, table: Table, columns: int | None = None) -> str:
    monkeypatch.setenv("COLUMNS", str(columns)) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    print_tables([table])
    return capsys.readouterr().out


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


WIDE = [[f"label {row}", *(f"{row}.{place} [{place}.0, {place}.5]" for place in range(8))] for row in range(3)]


@pytest.mark.parametrize("columns", [40, 80, 119])
def test_a_wide_table_is_printed_row_by_row_in_a_narrow_console(capsys, monkeypatch, columns):
    out = printed(capsys, monkeypatch, table_of(WIDE), columns)
    assert max(map(len, out.splitlines())) <= columns
    assert all(squeezed(f"column {place}: {cell}") in squeezed(out) for row in WIDE for place, cell in enumerate(row))
    assert "A title" in out and "a note" in out and "…" not in out


def test_a_table_that_fits_stays_a_table_and_columns_counts_in_a_pipe(capsys, monkeypatch):
    small = table_of([["a", "b"]])
    assert "┃" in printed(capsys, monkeypatch, small, 80)
    for columns in (None, FOLDED, 200):
        out = printed(capsys, monkeypatch, table_of(WIDE), columns)
        assert "┃" in out and max(map(len, out.splitlines())) <= (columns or 140)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=300),
        min_size=1,
        max_size=4,
    )
)
def test_no_character_of_any_cell_is_lost_at_80_columns(cells):
    import contextlib
    import io

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setenv("COLUMNS", "80")
        print_tables([table_of([["name", *cells, "x" * 100]])])
    shown = squeezed(out.getvalue())
    assert all(squeezed(printable(cell)) in shown for cell in cells if cell.strip() not in ("", "-"))
