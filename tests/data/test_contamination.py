"""Runs of words that problems share with test problems."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.contamination import main
from synth_scaling.data.contamination import TestSet, words
from synth_scaling.system.jsonl import read_rows, write_rows
from tests.support.shared_data import DATA, needs_shared, rows

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g"]), max_size=30)
TEST = ["one two three four five six seven eight nine ten eleven twelve thirteen fourteen", "Too short?"]


@pytest.mark.parametrize(
    ("problem", "shared"),
    [
        (f"And then {TEST[0]} again", TEST[0].removesuffix(" fourteen")),
        (TEST[0].upper().replace(" ", ", "), TEST[0].removesuffix(" fourteen")),
        (TEST[0].replace("seven", "nil"), None),  # no 13 in a row
        ("too, SHORT", "too short"),
        ("Too short a problem?", None),
        ("", None),
        ("?!", None),
    ],
)
def test_overlaps_by_hand(problem: str, shared: str | None) -> None:
    actual = TestSet(TEST).overlap(problem)
    assert (actual.shared if actual else None) == shared


def test_the_report() -> None:
    report = TestSet(TEST).check(["clean one", f"x {TEST[0]}", "clean two", "Too short"])
    assert report.clean == [0, 2] and [(o.index, o.test) for o in report.overlaps] == [(1, 0), (3, 1)]
    assert report.summary() == "2 of 4 problems (50.00 %) overlap with the test set"
    assert TestSet(TEST).check([]).summary() == "0 of 0 problems (0.00 %) overlap with the test set"


@given(st.lists(WORDS, max_size=5), WORDS, st.integers(1, 6))
def test_against_a_search_for_every_run(tests: list[list[str]], problem: list[str], n: int) -> None:
    actual = TestSet([" ".join(test) for test in tests], n).overlap(" ".join(problem))
    size = min(n, len(problem))
    mine = {tuple(problem[i : i + n]) for i in range(len(problem) - size + 1)} - {()}
    theirs = {tuple(test[i : i + n]) for test in tests for i in range(max(1, len(test) - n + 1))}
    assert (actual is not None) == bool(mine & theirs)


@given(st.text())
def test_words_are_letters_and_digits(text: str) -> None:
    assert all(re.fullmatch(r"[^\W_]+", word) for word in words(text))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "train.jsonl", [{"question": "clean"}, {"question": f"x {TEST[0]}"}])
    write_rows(tmp_path / "test.jsonl", [{"problem": text} for text in TEST])
    files = [f"input={tmp_path}/train.jsonl", f"test={tmp_path}/test.jsonl", "test_field=problem"]
    assert main([*files, f"output={tmp_path}/clean.jsonl"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("line 2 and test line 1: one two") and said[-1].startswith("1 of 2 problems (50.00 %)")
    assert [row for _, row in read_rows(tmp_path / "clean.jsonl")] == [{"question": "clean"}]
    for wrong, message in (("n=0", "n=0"), ("n=x", "n=x"), ("field=none", "none: no such field"), ("what", "what")):
        assert main([*files, wrong]) == 2
        assert message in (said_wrong := capsys.readouterr().err) and said_wrong.count("\n") == 1


@needs_shared
def test_gsm8k_train_against_test() -> None:
    """The overlaps of 13 words within GSM8K."""
    tests = TestSet(row["question"] for row in rows("gsm8k/test.jsonl.gz"))
    report = tests.check([row["question"] for row in rows("gsm8k/train.jsonl.gz")])
    assert report.checked == 7473 and (DATA / "gsm8k").is_dir()
    assert len(report.overlaps) + len(report.clean) == 7473
