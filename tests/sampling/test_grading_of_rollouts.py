"""Samples are graded in one call, and those that hit the bound are logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from synth_scaling.credit import learned
from synth_scaling.models.codec import Codec
from synth_scaling.models.tokenizer import word_tokenizer
from synth_scaling.sampling.engine import Completion
from synth_scaling.sampling.sampler import Sampler
from synth_scaling.system.jsonl import write_rows
from synth_scaling.tasks.hendrycks_math import MATH, MATHOptions


class Written:
    """An engine that says what is written for it; sampling itself is tested with the real one."""

    numbered = False

    def __init__(self, codec: Codec, texts: Sequence[tuple[str, bool]]) -> None:
        self.completions = [Completion(codec.encode(text), finished) for text, finished in texts]

    def load(self, checkpoint: Path) -> None:
        """Nothing to load."""

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
        first: Sequence[int] | None = None,
    ) -> list[list[Completion]]:
        """The first n of what is written, for every prompt."""
        return [self.completions[:n] for _ in prompts]


@pytest.fixture
def math(tmp_path: Path) -> tuple[MATH, Codec]:
    rows = [{"problem": f"Find {i}.", "level": "Level 1", "solution": rf"\boxed{{{i}}}"} for i in range(4)]
    write_rows(tmp_path / "train.jsonl", rows[:2])
    write_rows(tmp_path / "test.jsonl", rows[2:])
    word_tokenizer([chr(c) for c in range(32, 127)], r"[\s\S]").save_pretrained(tmp_path)
    return MATH(MATHOptions(path=str(tmp_path), n_validation=0, grading_bound=2.0)), Codec(tmp_path)


TEXTS = [
    (r"\boxed{2}", True),
    (r"\boxed{2}", False),  # was cut
    (r"\boxed{3}", True),
    (r"\boxed{9^{9^{9^{9}}}}", True),  # hits the bound
    (r"\boxed{2+0x}", True),
]


def test_responses(math: tuple[MATH, Codec], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    task, codec = math
    monkeypatch.setattr(logging.getLogger("synth_scaling"), "propagate", True)
    problems = task.problems("test", 2, 0)
    rows, _ = Sampler(Written(codec, TEXTS), task, codec, 1, temperature=1.0, seed=0).responses(problems, 5)
    assert [row.reward for row in rows] == [1, 0, 0, 0, 1, 0, 0, 1, 0, 0]
    assert [row.problem for row in rows] == ["test/0"] * 5 + ["test/1"] * 5
    assert "the grading of 2 of 8 responses hit its bound; they count as incorrect" in caplog.text


def test_prefix_values(math: tuple[MATH, Codec]) -> None:
    task, codec = math
    problems = {p.id: p for p in task.problems("test", 2, 0)}
    prefixes = [("test/0", codec.encode("So ")), ("test/1", codec.encode("x")), ("test/0", ())]
    engine = Written(codec, [(r"\boxed{2}", True), (r"\boxed{3}", True), (r"\boxed{2}", True), (r"\boxed{2}", False)])
    draws = dict.fromkeys(prefixes, 4)
    rows, _ = Sampler(engine, task, codec, 1, temperature=1.0, seed=0).completions(problems, draws)
    assert [(row.problem, row.value, len(row.correct)) for row in learned({}, rows).values()] == [
        ("test/0", 0.5, 1),
        ("test/1", 0.25, 1),
        ("test/0", 0.5, 1),
    ]
