"""The viewer of sampled responses: its data, and its behaviour in headless Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from analysis.data.results import load
from analysis.data.samples import SCHEMA, read_samples
from analysis.report.page import page
from analysis.report.samples import viewer_data
from analysis.study.studies import Studies
from tests.support.browser import browse, needs_chromium, result_of
from tests.support.made_samples import BOARD, made_sample, write_run_samples
from tests.support.outside_texts import NASTY

STEPS = [f"{text}\n" for text in NASTY if text != "\ud800"]  # which UTF-8, and so Parquet, cannot hold
MAZE = {"steps": [" B0", " B1"], "values": [], "first_error": None, "board": BOARD, "walk": [0, 1, 2], "goal": 2}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of two runs: a response of four steps, one of hostile texts, and correct walks of the policies."""
    from tests.analysis.conftest import write_run

    folder = tmp_path_factory.mktemp("study")
    for method in ("sft", "step_dpo"):
        row = write_run(folder, 0.3, method=method)
        walk = made_sample(policy="policy", problem="test/1", correct=True, pair_side="", **MAZE)
        samples = [walk]
        if method == "step_dpo":
            hostile = made_sample(
                problem="train/9", prompt="".join(STEPS), steps=STEPS, values=[0.5] + [0.0] * len(STEPS), first_error=1,
                solution="".join(STEPS), difficulty=3, pair_side="",
            )  # fmt: skip
            samples = [made_sample(), hostile, walk]
        write_run_samples(folder, row["run"], samples)
    results = load(folder)
    return page(Studies(results), samples=read_samples(folder, list(results.rows["run"])))


def table_of(samples: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(samples, SCHEMA)


def rows_of(*runs: dict[str, Any]) -> pd.DataFrame:
    fields = {"task": "maze", "label": "rft", "problems": 100, "seed": 0, "config": {"credit": {"name": "bisect"}}}
    return pd.DataFrame([{**fields, "hashes": {"pi_sft": "p"}, **run} for run in runs])


def test_a_response_of_pi_sft_that_runs_share_comes_once_with_all_its_pairs():
    rows = rows_of({"run": "a"}, {"run": "b", "label": "step_dpo"}, {"run": "c", "hashes": {"pi_sft": "q"}})
    bare = made_sample(run="a", values=[], first_error=None, pair_side="")
    known = viewer_data(table_of([bare, made_sample(run="b"), made_sample(run="c", pair_side="")]), rows)
    assert known is not None
    first, second = known["samples"]
    assert first["values"] == [0.5, 0.75, 0.0, 0.0] and first["first_error"] == 2
    assert first["pairs"] == [["step_dpo", "rejected", "She has 3 apples.\n", "3 + 4 = 7\n#### 7", "3 + 4 = 8\n"]]
    assert (first["source"], first["search"], second["pairs"]) == ("pi_sft", "bisect", [])
    assert known["names"] == {"pi_sft": "pi_sft", "step_dpo": "per-step DPO"}


def test_the_number_of_responses_is_bounded_and_every_kind_and_seed_is_there():
    rows = rows_of(
        *({"run": f"{size}/{seed}", "problems": size, "seed": seed} for size in (100, 200) for seed in (0, 1))
    )
    samples = [
        made_sample(run=run, policy="policy", problem=f"test/{i}", correct=i % 2 == 0, pair_side="", board=BOARD)
        for run in rows["run"]
        for i in range(40)
    ]
    known = viewer_data(table_of(samples), rows, most=40)
    assert known is not None and len(known["boards"]) == 1
    counts = pd.DataFrame(known["samples"]).groupby(["N", "seed", "correct"]).size()
    assert len(counts) == 8 and (counts == 5).all()
    assert viewer_data(None, rows) is None


def test_a_page_without_samples_has_no_viewer(tmp_path, write_run):
    write_run(tmp_path, 0.3)
    text = page(Studies(load(tmp_path)))
    assert 'id="viewer"' not in text and 'id="samples"' not in text


def test_samples_cannot_end_their_element(text):
    begin = '<script type="application/json" id="samples">'
    data = text.partition(begin)[2].partition("</script>")[0]
    assert not set("<>&") & set(data) and data.isascii()
    hostile = next(one for one in json.loads(data)["samples"] if one["problem"] == "train/9")
    assert hostile["steps"] == STEPS


CHOOSE = """
  const set = (name, value) => { const field = viewer.querySelector(`.controls [name=${name}]`);
    field.value = value; field.dispatchEvent(new Event("input", { bubbles: true })); };
  const status = () => viewer.querySelector("[role=status]").textContent;
  const step = () => [...viewer.querySelectorAll(".steps li")].map(item => item.firstChild.textContent);
  const buttons = [...viewer.querySelectorAll(".controls button")];
  const click = name => buttons.find(one => one.textContent.includes(name)).click();
"""


@needs_chromium
def test_a_walk_through_the_viewer(tmp_path: Path, text: str) -> None:
    code = """
      const seen = [status()];
      set("outcome", "incorrect"); seen.push(status(), step());
      const marked = [...viewer.querySelectorAll("li.error")].map(item => item.querySelector(".mark").textContent);
      const pair = [...viewer.querySelectorAll("pre")].map(one => one.textContent);
      click("next"); seen.push(status(), step().length, viewer.querySelectorAll("img, b b, script").length);
      click("previous"); seen.push(status());
      set("search", "she apples"); seen.push(status());
      set("search", ""); set("outcome", ""); set("policy", "step_dpo"); seen.push(status(), step());
      const maze = viewer.querySelector("svg.maze");
      seen.push(maze.querySelectorAll("circle").length, maze.querySelectorAll("line").length);
      set("difficulty", "3"); seen.push(status(), document.querySelector("#viewer .card"));
      return [seen, marked, pair];
    """
    seen, marked, pair = result_of(tmp_path, text, CHOOSE + code)
    first = ["She has 3 apples.", "3 + 4 = 8", "#### 8"]
    assert seen[:3] == ["1 of 4 responses", "1 of 2 responses", first]
    assert seen[3:7] == ["2 of 2 responses", len(STEPS), 0, "1 of 2 responses"]
    assert seen[7:9] == ["1 of 1 responses", "1 of 1 responses"] and seen[9] == [" B0", " B1"]
    assert seen[10:] == [2, 4, "0 of 4 responses", None]  # two corridors and two moves
    assert marked == ["first error, by value"]
    prompt, solution, answer = "Ada has 3 apples and buys 4. How many has she?", "3 + 4 = 7\n#### 7", "7"
    assert pair == ["She has 3 apples.\n", "3 + 4 = 7\n#### 7", "3 + 4 = 8\n", prompt, solution, answer]


@needs_chromium
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_400_pixels_wide_without_sideways_scrolling_and_readable(tmp_path, text, theme):
    code = f"""
      if (root.dataset.theme !== "{theme}") toggle.click();
      const light = colour => {{ const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map(x => x / 255)
        .map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; }};
      const style = getComputedStyle(document.body), ground = light(style.backgroundColor);
      const contrast = query => {{ const text = light(getComputedStyle(document.querySelector(query)).color);
        return (Math.max(text, ground) + .05) / (Math.min(text, ground) + .05); }};
      const shown = ["body", "a", ".note", ".bad", ".good"].map(contrast);
      return [innerWidth, document.documentElement.scrollWidth, ground, ...shown];
    """
    width, scrolled, ground, *contrasts = result_of(tmp_path, text, code, width=400)
    assert (width, scrolled) == (400, 400)
    assert ground > 0.9 if theme == "light" else ground < 0.05
    assert min(contrasts) > 4.5  # WCAG 2.2 AA


@needs_chromium
def test_the_systems_dark_mode_is_followed(tmp_path, text):
    dark = browse(tmp_path, text, "--dump-dom", "--blink-settings=preferredColorScheme=0")
    assert 'data-theme="dark"' in dark[:200]
