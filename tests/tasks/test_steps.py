"""Responses cut into lines and sentences: they join again, and no cut is inside a formula."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.tasks.steps import formulas, lines, sentences

PIECES = [
    *(
        "She has 3 eggs",
        "So x = 5",
        ". ",
        "! ",
        "? ",
        ".",
        "\n",
        "\n\n",
        " \n \n",
        " ",
        "e.g. ",
        "1. ",
        "#### 5",
        "\t",
        "\r\n",
    ),
    *(
        "$x. y$",
        "$$a. b\n\nc$$",
        r"\[u. v" + "\n" + r"w\]",
        r"\(p. q\)",
        r"\begin{align*}a. b\\c\end{align*}",
        r"\$5. ",
        "$",
    ),
    *("$$", r"\[", r"\]", r"\begin{cases}", r"\end{cases}", "\\", "\u2028", "\x0b", "\x00", "\ud800", "é"),
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", [""]),
        ("#### 5", ["#### 5"]),
        ("a\nb\n#### 5", ["a\n", "b\n", "#### 5"]),
        ("a\n\nb\n", ["a\n\n", "b\n"]),
        ("\n\na\nb", ["\n\na\n", "b"]),
        ("a\n  \nb", ["a\n  \n", "b"]),
        ("\n", ["\n"]),
        ("costs $5\nand $6\n", ["costs $5\n", "and $6\n"]),  # dollar signs are money
        ("so\n\\[a\nb\\]\nend", ["so\n", "\\[a\nb\\]\n", "end"]),
        ("a\u2028b", ["a\u2028b"]),
    ],
)
def test_lines_by_hand(text: str, steps: list[str]) -> None:
    assert lines(text) == steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", [""]),
        ("We add. Then we stop.", ["We add. ", "Then we stop."]),
        ("Since $a. b$ holds, x. So y.", ["Since $a. b$ holds, x. ", "So y."]),
        ("First, \\[x = 1. \\] then y.", ["First, ", "\\[x = 1. \\] ", "then y."]),
        ("First \\[x = 1\\], then y.", ["First ", "\\[x = 1\\], ", "then y."]),
        ("We use e.g. a sum. Done", ["We use e.g. a sum. ", "Done"]),
        ("1. Add.\n2. Stop.", ["1. Add.\n", "2. Stop."]),
        ("It is 3.5 cm. Yes.", ["It is 3.5 cm. ", "Yes."]),
        ("a\nb", ["a\n", "b"]),
        ("It costs $5 now.\n\nThen x. End.", ["It costs $5 now.\n\n", "Then x. ", "End."]),  # the dollar sign was money
        ("Open \\[x. y and on", ["Open ", "\\[x. y and on"]),
        ("$$a. b$$ c.", ["$$a. b$$ ", "c."]),
    ],
)
def test_sentences_by_hand(text: str, steps: list[str]) -> None:
    assert sentences(text) == steps


@settings(max_examples=400)
@given(TEXTS)
def test_steps_join_to_the_text(text: str) -> None:
    for steps in (lines(text), sentences(text), sentences(text, 3)):
        assert "".join(steps) == text
        assert len(steps) == 1 or all(step.strip() for step in steps)
    assert len(sentences(text)) <= 12 and len(sentences(text, 3)) <= 3


@settings(max_examples=400)
@given(TEXTS)
def test_no_cut_is_inside_a_formula(text: str) -> None:
    for steps, inline in ((lines(text), False), (sentences(text), True)):
        cuts = list(itertools.accumulate(map(len, steps)))[:-1]
        spans, displayed = formulas(text, inline)
        assert set(displayed) <= set(spans) and spans == sorted(spans)
        assert all(not start < cut < end for cut in cuts for start, end in spans)


FORMULAS = st.sampled_from(
    [piece for piece in PIECES if len(piece) > 5 and piece[:1] in "$\\" and piece[:2] != r"\$"][:5]
)
PLAIN = st.text(alphabet="ab .!?\n", min_size=1)


@settings(max_examples=300)
@given(st.lists(st.tuples(PLAIN, FORMULAS), max_size=8))
def test_formulas_that_were_put_in_are_found_whole(parts: list[tuple[str, str]]) -> None:
    text = "".join(plain + formula for plain, formula in parts)
    places = list(itertools.accumulate(len(x) for part in parts for x in part))
    inside = [range(a + 1, b) for a, b in zip(places[::2], places[1::2], strict=True)]
    cuts = set(itertools.accumulate(map(len, sentences(text)))) - {len(text)}
    assert not any(cuts & set(place) for place in inside)


def test_more_than_the_most_are_merged_evenly() -> None:
    steps = sentences("One two. " * 120)
    assert len(steps) == 12 and {len(step) for step in steps} == {90}
    assert len(sentences("One two. " * 12)) == 12
