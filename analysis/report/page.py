"""One HTML page of a study, self-contained: figures, fits, multipliers, claims and every run."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd

from analysis.figures import Drawing, drawings
from analysis.figures.inputs import figure_inputs
from analysis.stats.binomial import wilson
from analysis.study.studies import Studies
from analysis.study.study import Study

if TYPE_CHECKING:
    from rich.table import Table as RichTable

TEMPLATE = Path(__file__).with_name("page.html")
NUMBER = re.compile(r"^[<>=\s\[]*([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.IGNORECASE)
RUN_COLUMNS = {
    "task": "task",
    "sweep": "sweep",
    "figure": "figure",
    "label": "label",
    "N": "problems",
    "positives used": "positives_used",
    "negatives used": "negatives_used",
    "seed": "seed",
    "tested": "tested",
    "wrong": "wrong",
}


Kind = Literal["number", "words", "name"]  # words wrap and need width


class Cell(NamedTuple):
    """The text of a cell, and the number by which it is sorted if its column is numeric."""

    text: str
    number: float | None = None
    link: str = ""

    @property
    def key(self) -> str:
        """The number as text for the page's script; empty without one, which is sorted last."""
        return "" if self.number is None or not math.isfinite(self.number) else repr(float(self.number))


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        name: its id.
        columns: (name, kind); numeric columns are sorted by number.
    """

    name: str
    title: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


class Image(NamedTuple):
    """A figure of the page, with its files as data URIs."""

    name: str
    svg: str
    csv: str
    caption: str


def page(studies: Studies, task: str | None = None) -> str:
    """The page as HTML: figures and tables of one task (see `Studies.shown`), claims and runs of all tasks.

    The same rows always give the same page.

    Raises:
        InputError: no rows of that task, or rows that cannot be shown together.
    """
    import jinja2

    inputs, images, skipped = figure_inputs(studies, task), [], []
    for name, drawn in drawings(inputs):
        if isinstance(drawn, Drawing):
            svg, csv = drawn.image("svg"), drawn.csv().encode()
            images.append(Image(name, _uri("image/svg+xml", svg), _uri("text/csv", csv), drawn.caption))
        else:
            skipped.append(f"{name}: {drawn}")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, finalize=_shown
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        task=inputs.study.task,
        counts=_counts(studies.results.rows),
        images=images,
        skipped=skipped,
        parts={
            "Claims": claims_tables(studies, {image.name for image in images}),
            "Fits": study_tables(inputs.study),
            "Runs": [run_table(studies.results.rows)],
        },
    )


def _shown(value: Any) -> Any:
    """A text of the page without control characters, which HTML does not have."""
    from synth_scaling.core.terminal import printable

    return printable(value) if type(value) is str else value


def study_tables(study: Study) -> list[Table]:
    """The tables that `python -m analysis table` prints; none where the baseline has no rows of figure "size"."""
    from analysis.report.tables import tables

    if not study.shared_sizes(study.baseline):
        return []
    return [_from_rich(table, str(place)) for place, table in enumerate(tables(study), start=1)]


def claims_tables(studies: Studies, drawn: Container[str]) -> list[Table]:
    """The claims ledger of every task; each claim links to its figure if that was drawn."""
    from analysis.claims import claims

    columns: list[tuple[str, Kind]] = [("claim", "words"), ("verdict", "name"), ("estimate [95 % interval]", "number")]
    columns += [("figure", "name"), ("rule", "words"), ("seen on", "words"), ("to resolve it", "words")]
    rows: dict[str, list[list[Cell]]] = {}
    for one in claims(studies):
        figure = Cell(one.figure, link=f"#figure-{one.figure}" if one.figure in drawn else "")
        rows.setdefault(one.task, []).append(
            [
                *(Cell(one.claim), Cell(one.verdict), Cell(one.estimate_text(), one.estimate), figure),
                *(Cell(text) for text in (one.rule, one.note, one.needed)),
            ]
        )
    return [Table(f"claims-{task}", f"Claims on {task}", columns, lines) for task, lines in rows.items()]


def run_table(rows: pd.DataFrame) -> Table:
    """Every run: its setting, its test error with Wilson's 95 % interval, and its cost where rows record it."""
    costs = {f"{kind} FLOPs": f"flops_{kind}" for kind in ("training", "sampling") if f"flops_{kind}" in rows}
    given = {name: field for name, field in RUN_COLUMNS.items() if field in rows}
    text = ("task", "sweep", "figure", "label", "run")
    names = [*given, "error in %", "95 % interval", *costs, "run"]
    columns: list[tuple[str, Kind]] = [(name, "name" if name in text else "number") for name in names]
    lines = []
    for row in rows.to_dict("records"):
        error, (low, high) = row["wrong"] / row["tested"], wilson(row["wrong"], row["tested"])
        lines.append(
            [
                *(_cell(row[field], name not in text) for name, field in given.items()),
                Cell(f"{100 * error:.2f}", error),
                Cell(f"{100 * low:.2f} to {100 * high:.2f}", low),
                *(_cell(row[field], True, 3) for field in costs.values()),
                Cell(row["run"]),
            ]
        )
    note = (
        "Intervals cover the test problems of one run only (Wilson); those of the other tables resample seeds as well."
    )
    return Table("runs", "Every run", columns, lines, note)


def _cell(value: Any, number: bool, digits: int = 12) -> Cell:
    """A value of a row; "-" where it has none."""
    if not number:
        return Cell(str(value))
    return Cell("-") if pd.isna(value) else Cell(f"{value:.{digits}g}", value)


def _from_rich(table: RichTable, name: str) -> Table:
    """A table of the terminal without its markup; a column whose texts all start with numbers becomes numeric."""
    texts = [[_plain(cell) for cell in column.cells] for column in table.columns]
    numbers = [[NUMBER.match(text) for text in column] for column in texts]
    numeric = [
        any(matches) and all(match or text in ("", "-") for match, text in zip(matches, column, strict=True))
        for matches, column in zip(numbers, texts, strict=True)
    ]
    columns = [
        [
            Cell(text, float(match[1]) if match and is_number else None)
            for text, match in zip(column, matches, strict=True)
        ]
        for column, matches, is_number in zip(texts, numbers, numeric, strict=True)
    ]
    heads: list[tuple[str, Kind]] = [
        (_plain(column.header), "number" if is_number else "name")
        for column, is_number in zip(table.columns, numeric, strict=True)
    ]
    return Table(name, _plain(table.title), heads, list(zip(*columns, strict=True)), _plain(table.caption or ""))


def _plain(markup: object) -> str:
    from rich.text import Text

    return Text.from_markup(str(markup), emoji=False).plain


def _counts(rows: pd.DataFrame) -> str:
    """E.g. "575 runs of 2 tasks: maze 485, star_graph 90"."""
    by_task = rows["task"].value_counts().sort_index()
    tasks = ", ".join(f"{name} {count}" for name, count in by_task.items())
    return f"{len(rows)} runs of {len(by_task)} task{'s' if len(by_task) > 1 else ''}: {tasks}"


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
