"""The claims of a task as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from analysis.claims import Claim

COLOURS = {"holds": "green", "contradicted": "red", "inconclusive": "yellow", "not run": "dim"}


def claims_table(title: str, claims: Sequence[Claim]) -> Table:
    """One row per claim: the claim, its verdict, the estimate, the rule, and what was seen."""
    table = Table(title=title, show_lines=True)
    for column, least in (("claim", 24), ("verdict", 12), ("estimate [95 % interval]", 18), ("rule", 30), ("seen", 30)):
        table.add_column(column, min_width=least)
    for claim in claims:
        seen = [part for part in (claim.note, f"figure {claim.figure}") if part]
        if claim.needed:
            seen.append(claim.needed if claim.verdict == "not run" else f"to resolve: {claim.needed}")
        verdict = f"[{COLOURS[claim.verdict]}]{claim.verdict}[/]"
        table.add_row(
            escape(claim.claim), verdict, escape(claim.estimate_text()), escape(claim.rule), escape("\n".join(seen))
        )
    return table
