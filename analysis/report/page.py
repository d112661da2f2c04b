"""One HTML page of a study, self-contained: a summary, figures, sampled responses, fits, claims and every run."""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from analysis.claims import Claim
from analysis.errors import InputError
from analysis.figures import Drawing, drawings
from analysis.figures.inputs import figure_inputs
from analysis.report.claims_table import claims_sentence
from analysis.report.provenance import provenance
from analysis.report.samples import viewer_data
from analysis.report.summary import sentences
from analysis.stats.binomial import wilson
from analysis.study.studies import Studies
from analysis.study.study import Study

if TYPE_CHECKING:
    from rich.table import Table as RichTable

FOLDER = Path(__file__).parent
FILTERS = ("task", "sweep", "figure", "label", "N", "seed")  # columns of the run table with a choice of their values
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
        filters: names of the columns by which rows can be chosen.
    """

    name: str
    title: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    filters: Sequence[str] = ()


class Image(NamedTuple):
    """A figure of the page, with its files as data URIs."""

    name: str
    png: str
    svg: str
    pdf: str
    csv: str
    caption: str


def page(studies: Studies, task: str | None = None, samples: pa.Table | None = None) -> str:
    """The page as HTML: figures and tables of one task (see `Studies.shown`), claims and runs of all tasks.

    `samples` are responses of the runs (`analysis.data.samples`), which a viewer shows. The same rows and samples
    always give the same page.

    Raises:
        InputError: no rows of that task, or rows that cannot be shown together.
    """
    import jinja2
    from markupsafe import Markup

    from analysis.claims import claims

    inputs, images, skipped = figure_inputs(studies, task), [], []
    for name, drawn in drawings(inputs):
        if isinstance(drawn, Drawing):
            images.append(_image(name, drawn))
        else:
            skipped.append(f"{name}: {drawn}")
    ledger, rows = claims(studies), studies.results.rows
    viewed = viewer_data(samples, rows)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, finalize=_shown
    )
    return environment.from_string(_file("page.html")).render(
        task=inputs.study.task,
        counts=_counts(rows),
        summary=[*_sentences(inputs.study), claims_sentence(inputs.study.task, ledger)],
        images=images,
        skipped=skipped,
        parts={
            "Claims": claims_tables(ledger, {image.name for image in images}),
            "Fits": study_tables(inputs.study),
            "Buying": buying_tables(inputs.study),
            "Runs": [run_table(rows)],
        },
        samples=viewed and Markup(_json(viewed)),
        provenance=Markup(_json(provenance(rows))),
        css=Markup(_file("page.css")),
        script=Markup(_file("page.js") + _file("viewer.js")),
    )


def _sentences(study: Study) -> list[str]:
    """The summary of a study; of one without rows of figure "size" only that there are none."""
    return sentences(study) if study.cells else [f"{study.task}: no runs of error against N."]


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _image(name: str, drawn: Drawing) -> Image:
    kinds = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
    files = {kind: _uri(media, drawn.image(kind)) for kind, media in kinds.items()}  # type: ignore[arg-type]
    return Image(name, **files, csv=_uri("text/csv", drawn.csv().encode()), caption=drawn.caption)


def _json(value: Any) -> str:
    """`value` as JSON in ASCII that can stand within a script element: no character of it is markup."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda character: f"\\u{ord(character[0]):04x}", text)


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


def buying_tables(study: Study) -> list[Table]:
    """The tables of `plan --frontier` with free teacher solutions; none without FLOPs or a law of the baseline."""
    from analysis.planner.costs import Rates
    from analysis.report.plan_tables import crossing_table, frontier_table
    from analysis.study.cost_law import FREE_TEACHER
    from analysis.study.crossings import crossings_at
    from analysis.study.frontier import frontier

    try:
        crossed = crossings_at(study.offers, study.baseline)
    except InputError:
        return []
    bought = frontier_table(frontier(study.offers, FREE_TEACHER), FREE_TEACHER, Rates(), study.error_name)
    prices = crossing_table(crossed, Rates(), study.baseline, study.error_name)
    return [_from_rich(bought, "frontier"), _from_rich(prices, "crossings")]


def claims_tables(ledger: Sequence[Claim], drawn: Container[str]) -> list[Table]:
    """The claims ledger of every task; each claim links to its figure if that was drawn."""
    columns: list[tuple[str, Kind]] = [("claim", "words"), ("verdict", "name"), ("estimate [95 % interval]", "number")]
    columns += [("figure", "name"), ("rule", "words"), ("seen on", "words"), ("to resolve it", "words")]
    rows: dict[str, list[list[Cell]]] = {}
    for one in ledger:
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
    return Table("runs", "Every run", columns, lines, note, FILTERS)


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
    runs = f"{len(rows)} run{'s' if len(rows) > 1 else ''}"
    return f"{runs} of {len(by_task)} task{'s' if len(by_task) > 1 else ''}: {tasks}"


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
