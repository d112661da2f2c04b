"""Endless train questions: one stream per seed, extended on demand, without repeats and held-out questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from synth_scaling.tasks.questions import Question, normalised

MAX_REPEATS = 20_000  # questions in a row without a new one, before a stream counts as exhausted

Draw = Callable[[int], Iterator[Question]]  # an endless sequence of questions, fixed by a seed


class Streams:
    """Streams of distinct questions from `draw`; `repeats` counts the questions that were skipped."""

    def __init__(self, draw: Draw, held_out: frozenset[str] = frozenset()) -> None:
        self.draw, self.held_out = draw, held_out
        self.repeats = 0
        self._streams: dict[int, tuple[Iterator[Question], list[Question], set[str]]] = {}

    def __call__(self, n: int, seed: int) -> Sequence[Question]:
        """The first `n` of the stream of `seed`; fewer where there are no more."""
        if seed not in self._streams:
            self._streams[seed] = self.draw(seed), [], set(self.held_out)
        source, questions, seen = self._streams[seed]
        repeats = 0
        while len(questions) < n and repeats < MAX_REPEATS:
            question = next(source)
            key = normalised(question.text)
            repeats = repeats + 1 if key in seen else 0
            if not repeats:
                seen.add(key)
                questions.append(question)
            self.repeats += bool(repeats)
        return questions


def held_out(draw: Draw, test: int, validation: int, seed: int, task: str) -> tuple[list[Question], list[Question]]:
    """`test` and `validation` distinct questions of the stream of `seed`. Raises ValueError if it has fewer."""
    questions = Streams(draw)(test + validation, seed)
    if len(questions) < test + validation:
        raise ValueError(f"task.n_test + task.n_validation={test + validation}: task={task} has about {len(questions)}")
    return list(questions[:test]), list(questions[test:])
