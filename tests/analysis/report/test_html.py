from __future__ import annotations

import re
import shutil
import struct
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analysis.__main__ import main
from analysis.claims import claims
from analysis.data.results import Results, load
from analysis.figures import FIGURES
from analysis.report.page import page, run_table
from analysis.report.provenance import provenance
from analysis.report.summary import sentences
from analysis.report.tables import tables
from analysis.study.studies import Studies
from analysis.study.study import examine
from benchmarks.synthetic_study import write_study
from tests.support.browser import browse, needs_chromium, result_of

SIZE = (1300, 2400)


class Page(HTMLParser):
    """The visible content: tables by id as rows of texts, images, links, ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.table: list[list[str]] = []
        self.cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        result = dict(attrs)
        self.ids += [result["id"]] if "id" in result else []
        self.links += [result["href"]] if tag == "a" else []
        if tag == "img":
            self.images.append(result)
        elif tag == "table":
            self.table = self.tables[result["id"]] = []
        elif tag == "tr":
            self.table.append([])
        elif tag in ("th", "td"):
            self.table[-1].append("")
            self.cell = True

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("th", "td")

    def handle_data(self, data):
        if self.cell:
            self.table[-1][-1] += data


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, seeds=2, problems=100, sizes=(100, 200, 400, 800))
    return folder


@pytest.fixture(scope="module")
def results(study: Path) -> Results:
    return load(study)


@pytest.fixture(scope="module")
def text(results: Results) -> str:
    return page(Studies(results))


def test_the_page_needs_no_network(text):
    outside = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r"(?m)^// .*$", "", outside))
    assert not re.search(r"<(link|script|iframe|object|embed)[^>]*(src|href)=(?!\"data:)", outside)
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in Page(text).images)


def test_every_figure_is_there_with_its_caption_and_points(text):
    result = Page(text)
    assert [name for name in result.ids if name.startswith("figure-")] == [f"figure-{name}" for name in FIGURES]
    assert all(image["alt"] for image in result.images)
    for kind, begin in (
        ("image/png", b"\x89PNG"),
        ("image/svg+xml", b"<?xml"),
        ("application/pdf", b"%PDF"),
        ("text/csv", b""),
    ):
        files = [link for link in result.links if link.startswith(f"data:{kind};base64,")]
        assert len(files) == len(FIGURES)
        assert all(b64decode(link.partition(",")[2]).startswith(begin) for link in files)
    assert {link[1:] for link in result.links if link.startswith("#")} <= set(result.ids)


def test_every_table_is_there_with_all_its_rows(text, results):
    result = Page(text).tables
    study = examine(results.select(task="maze"))
    assert len(result["table-runs"]) == 1 + len(results.rows)
    ledger = claims(Studies(results))
    for task in ("maze", "star_graph"):
        assert len(result[f"table-claims-{task}"]) == 1 + sum(claim.task == task for claim in ledger)
    built = tables(study)
    others = {"table-runs", "table-claims-maze", "table-claims-star_graph", "table-frontier", "table-crossings"}
    prices = [row[0] for row in result["table-crossings"][1:]]
    assert len(set(prices)) == 3 and len(result["table-frontier"]) > 2  # three errors; a head and some budgets
    assert set(result) == others | {f"table-{place + 1}" for place in range(len(built))}
    for place, table in enumerate(built):
        head, *rows = result[f"table-{place + 1}"]
        assert head == [str(column.header) for column in table.columns] and len(rows) == table.row_count
    (line,) = (row for row in result["table-1"] if row[0] == "rft")
    error = 100 * study.draws.error["rft", 100]
    assert line[1].startswith(f"{error:.1f}, 2\n[") and "\\" not in line[1]


def test_the_run_table_agrees_with_the_rows(results):
    table = run_table(results.rows)
    names = [name for name, _ in table.columns]
    row, line = results.rows.iloc[3], dict(zip(names, table.rows[3], strict=True))
    assert (line["label"].text, line["N"].text, line["run"].text) == (row["label"], str(row["problems"]), row["run"])
    assert line["error in %"].number == row["wrong"] / row["tested"]
    assert line["training FLOPs"].number == row["flops_training"]
    bare = run_table(results.rows.drop(columns=["flops_training", "flops_sampling"]))
    assert not any("FLOPs" in name for name, _ in bare.columns) and len(bare.rows) == len(results.rows)


def test_the_same_rows_give_the_same_page(results, text):
    assert page(Studies(results)) == text


def test_text_from_rows_is_escaped(tmp_path, write_run):
    write_run(tmp_path, 0.3, label="<b>&", sweep='"<script>')
    result = page(Studies(load(tmp_path)))
    assert "<b>&" not in result and "&lt;b&gt;&amp;" in result and '"<script>' not in result


def test_figures_without_runs_are_named_with_their_sweep(tmp_path, write_run):
    write_run(tmp_path, 0.3, method="rft")
    result = page(Studies(load(tmp_path)))
    assert "pairing: no rows with figure &#34;pairing&#34;: run sweeps/maze_ablations.yaml" in result
    tables = {"table-runs", "table-claims-maze", "table-claims-star_graph"}
    assert set(Page(result).tables) == tables  # without sft there is nothing to fit against
    assert not [
        link for link in Page(result).links if link.startswith("#figure-") and link != "#figure-error_against_n"
    ]


def test_the_commands_take_several_folders_and_write_into_the_first(study, tmp_path, write_run, capsys):
    maze, star = tmp_path / "maze", tmp_path / "star"
    for size in (100, 200):
        write_run(maze, 40 / size, problems=size)
    rows = load(study).select(task="star_graph").rows
    star.mkdir()
    rows.to_json(star / "rows.jsonl", orient="records", lines=True)
    shutil.copy(study / "correct.parquet", star)
    assert main(["report", str(maze), str(star)]) == 0
    assert capsys.readouterr().out == f"{maze / 'report.html'}\n"
    result = Page((maze / "report.html").read_text(encoding="utf-8"))
    assert "figure-star_graph" in result.ids and len(result.tables["table-runs"]) == 1 + 2 + len(rows)
    assert main(["figures", str(maze), str(star), "--task", "star_graph", "--out", str(tmp_path / "figures")]) == 0
    assert f"star_graph: {tmp_path / 'figures' / 'star_graph'}.png, .svg, .pdf, .csv" in capsys.readouterr().out
    assert main(["figures", str(maze), str(star), "--task", "gsm8k"]) == 2
    assert "no rows of task 'gsm8k'; there are: maze, star_graph" in capsys.readouterr().err
    assert main(["report", str(star), str(star)]) == 2
    assert "is in two of the folders" in capsys.readouterr().err


def test_a_run_has_its_versions_commit_and_configuration():
    rows = pd.DataFrame(
        [
            {"run": "a", "commit": "abc", "versions": {"torch": "2"}, "config": {"task": {"name": "maze"}, "seed": 0}},
            {"run": "b", "commit": None, "versions": None, "config": {"task": {"name": "maze"}, "seed": 1, "x": {}}},
        ]
    )
    known = provenance(rows)
    assert known["keys"] == ["commit", "versions.torch", "seed", "task.name", "x"]
    assert known["values"] == [["abc", "not recorded"], ["2"], ["0", "1"], ["maze"], ["{}"]]
    assert known["runs"] == {"a": [0, 0, 0, 0, -1], "b": [1, -1, 1, 0, 0]}


def test_the_summary_comes_first_with_the_verdicts(text, results):
    studies = Studies(results)
    ledger = [claim for claim in claims(studies) if claim.task == "maze"]
    holds = sum(claim.verdict == "holds" for claim in ledger)
    begin, end = text.index('id="summary"'), text.index('id="figures"')
    shown = unescape(text[begin:end])
    assert all(sentence in shown for sentence in sentences(studies.of("maze")))
    assert f"Verdicts on {len(ledger)} claims about maze: holds {holds}" in shown
    assert all(claim.claim in shown for claim in ledger if claim.verdict == "contradicted")


def test_a_study_without_error_against_n_has_a_summary(tmp_path, write_run):
    write_run(tmp_path, 0.3, figure="pairing", method="dpo")
    assert "maze: no runs of error against N." in page(Studies(load(tmp_path)))


# -- in a browser --------------------------------------------------------------------------------------------------


@needs_chromium
@pytest.mark.parametrize(("column", "clicks"), [("error in %", 1), ("error in %", 2), ("label", 1), ("label", 2)])
def test_a_click_on_a_head_sorts_the_runs(tmp_path, text, column, clicks):
    before = Page(text).tables["table-runs"]
    place = before[0].index(column)
    click = f'document.querySelectorAll("#table-runs th button")[{place}].click();'
    clicked = text.replace("</body>", f"<script>{click * clicks}</script></body>")
    after = Page(browse(tmp_path, clicked, "--dump-dom")).tables["table-runs"]

    def key(row):
        return float(row[place]) if column == "error in %" else row[place]

    shown = [key(row) for row in after[1:]]
    assert shown == sorted(shown, reverse=clicks == 2) and shown != [key(row) for row in before[1:]]
    assert sorted(map(tuple, after)) == sorted(map(tuple, before))


@needs_chromium
def test_the_page_is_drawn(tmp_path, text):
    drawn = "[...document.images].every(image => image.complete && image.naturalWidth > 300)"
    wide = "document.documentElement.scrollWidth <= innerWidth"
    message = f"onload = () => {{ document.title = `${{{drawn}}} ${{{wide}}}`; }};"
    probe = text.replace("</body>", f"<script>{message}</script></body>")
    size = f"--window-size={SIZE[0]},{SIZE[1]}"
    assert "<title>true true</title>" in browse(tmp_path, probe, "--dump-dom", size)
    browse(tmp_path, text, f"--screenshot={tmp_path / 'page.png'}", size)
    picture = (tmp_path / "page.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == SIZE and len(picture) > 100_000  # a blank page has 20 kB


@needs_chromium
def test_runs_are_found_by_choice_and_search_and_opened(tmp_path, text, results):
    rows = results.rows
    wanted = rows[(rows["label"] == "rft") & (rows["problems"] == 200)]
    run = str(wanted["run"].iloc[0])
    code = """
      const controls = document.querySelector(".controls:has(+ .scroll #table-runs)");
      const set = (name, value) => { const field = controls.querySelector(`[name=${name}]`);
        field.value = value; field.dispatchEvent(new Event("input", { bubbles: true })); };
      const shown = () => [...document.querySelectorAll("#table-runs tbody tr")].filter(row => !row.hidden).length;
      set("label", "rft"); set("N", "200");
      const chosen = [shown(), controls.querySelector("[role=status]").textContent];
      set("search", "RUN"); const found = shown(); set("search", "no such run"); const none = shown();
      document.querySelector("#table-runs td[data-run='RUN'] button").click();
      const cells = [...document.querySelectorAll("#details td")].map(cell => cell.textContent);
      return [...chosen, found, none, details.open, cells[0], cells.includes("seed")];
    """.replace("RUN", run)
    assert result_of(tmp_path, text, code) == [
        len(wanted), f"{len(wanted)} of {len(rows)} runs", 1, 0, True, "commit", "seed" in rows["config"].iloc[0]
    ]  # fmt: skip
