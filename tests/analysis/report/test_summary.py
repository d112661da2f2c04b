"""The summary in words says what made-up studies were made to show."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from analysis.commands.summary import add_arguments, run
from analysis.report.summary import sentences
from analysis.study.study import Study, examine
from tests.support.made_rows import point, results_of, write

SFT = [point("sft", n, 4.0 * n**-0.5) for n in (100, 200, 400, 800, 1600)]


def lines(*points: dict, draws: int = 200) -> list[str]:
    return sentences(examine(results_of([*SFT, *points], shared=1.0), draws=draws))


def line_of(label: str, found: list[str]) -> str:
    (line,) = [line for line in found if line.startswith(f"{label}: ")]
    return line


def test_a_method_worth_twice_the_data_one_worth_nothing_and_one_that_costs() -> None:
    found = lines(
        *(point("twice", n, 4.0 * (2 * n) ** -0.5) for n in (200, 400, 800)),
        *(point("same", n, 4.0 * n**-0.5) for n in (200, 400)),
        point("costs", 400, 4.0 * 200**-0.5),
    )
    assert found[0] == (
        "maze: 33 runs of 4 labels, 3 seeds, N = 100 to 1600, 2,000 test problems. Errors are test error, greedy; "
        "intervals are 95 %."
    )
    assert found[1].startswith("sft: error goes from 40.0 % at N = 100 to 10.0 % at N = 1600, about as 1 / N^alpha")
    assert "alpha = 0.50 [" in found[1]
    assert line_of("twice", found).startswith("twice: below sft at every N = 200, 400 and 800; worth 2.00x the data of")
    assert line_of("same", found).startswith("same: not told from sft at every N = 200 and 400; worth 1.00x the data")
    assert line_of("costs", found).startswith("costs: above sft at N = 400; worth 0.500x the data of sft")
    order = [
        next(i for i, line in enumerate(found) if line.startswith(f"{name}:")) for name in ("twice", "same", "costs")
    ]
    assert order == sorted(order)
    assert found[-1].startswith("Undecided are 2 of 6 comparisons with sft")
    assert "3 seeds leave 2 degrees of freedom" in found[-1]


def test_an_error_beyond_the_baselines_runs_is_a_bound() -> None:
    found = lines(point("best", 200, 0.02))
    assert line_of("best", found).endswith("beyond the range of sft's law at every N, so its worth is a bound alone.")
    assert found[-1] == "The comparison with sft is decided."


def test_without_a_curve_of_the_baseline_it_says_so() -> None:
    found = sentences(examine(results_of([point("sft", 100, 0.4), point("rft", 100, 0.2)], shared=1.0), draws=100))
    assert "There is nothing to compare with: sft, the baseline, has 1 size." in found
    assert line_of("rft", found) == "rft: below sft at N = 100."
    alone = sentences(Study(results_of([point("rft", 100, 0.2)], shared=1.0), n_draws=100))
    assert alone[1:] == ["There is nothing to compare with: sft, the baseline, has 0 sizes."]


def test_the_command_names_files_and_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(results_of([*SFT, point("a[/]\x1b[31m", 200, 0.1)], shared=1.0), tmp_path)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    run(parser.parse_args([str(tmp_path), "--draws", "50"]))
    printed = capsys.readouterr().out
    assert "a[/]" in printed and "\x1b" not in printed
    assert f"Files: rows {tmp_path / 'rows.jsonl'}." in printed
    assert f"Next: synth-scaling figures {tmp_path}; synth-scaling report {tmp_path}; " in printed
    (tmp_path / "figures").mkdir()
    run(parser.parse_args([str(tmp_path), "--draws", "50"]))
    assert f", figures {tmp_path / 'figures'}." in capsys.readouterr().out
    run(parser.parse_args([str(tmp_path), "--draws", "50", "--json"]))
    assert json.loads(capsys.readouterr().out)[0].startswith("maze: 18 runs")
