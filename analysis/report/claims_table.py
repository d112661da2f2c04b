"""The claims of a task, or of several worlds, as a table for the terminal and as objects for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from analysis.claims import Claim
from analysis.claims.by_world import WorldLedger
from analysis.defaults import ERROR_MEASURES

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


def claims_sentence(task: str, claims: Sequence[Claim]) -> str:
    """How many claims about a task have which verdict, and which are contradicted."""
    ours = [claim for claim in claims if claim.task == task]
    counts: Counter[str] = Counter(claim.verdict for claim in ours)
    text = ", ".join(f"{verdict} {counts[verdict]}" for verdict in COLOURS if counts[verdict])
    against = "; ".join(claim.claim for claim in ours if claim.verdict == "contradicted")
    return f"Verdicts on {len(ours)} claims about {task}: {text or 'none'}." + (
        f" Contradicted: {against}." if against else ""
    )


def world_table(ledger: WorldLedger) -> Table:
    """One row per claim, with the rule that decides it; one column per world, with a line per error measure."""
    table = Table(title="Claims by world, by greedy and by sampled error", show_lines=True)
    table.caption = (
        "estimates with 95 % intervals, in the unit of the rule; -: not a claim about that world. "
        "sampled: by the rows that have samples"
    )
    table.add_column("claim, and the rule that decides it", min_width=30)
    for world in ledger.worlds:
        table.add_column(escape(world), min_width=24)
    for statement, judged in ledger.claims.items():
        rule = next(iter(judged.values())).rule
        texts = []
        for world in ledger.worlds:
            lines = []
            for measure in ledger.measures[world]:
                claim = judged.get((world, measure))
                if claim is not None:
                    verdict = f"{measure}: [{COLOURS[claim.verdict]}]{claim.verdict}[/]"
                    lines.append(verdict if claim.estimate is None else f"{verdict}\n  {escape(claim.estimate_text())}")
            texts.append("\n".join(lines) or "-")
        table.add_row(f"{escape(statement)}\n[dim]{escape(rule)}[/]", *texts)
    return table


def world_json(ledger: WorldLedger) -> list[dict[str, Any]]:
    """The same with everything that a claim states; null for an error measure that a world's rows do not have."""
    return [
        {
            "claim": statement,
            "rule": next(iter(judged.values())).rule,
            "worlds": {
                world: {
                    measure: asdict(judged[world, measure]) if (world, measure) in judged else None
                    for measure in ERROR_MEASURES
                }
                for world in ledger.worlds
                if any(name == world for name, _ in judged)
            },
        }
        for statement, judged in ledger.claims.items()
    ]
