"""Endless train questions: a stream a seed, grown as far as was asked for, without repeats and held-out questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from synth_scaling.tasks.questions import Question, normalised

BARREN = 20_000  # questions in a row without a new one, before a stream counts as dry

Draw = Callable[[int], Iterator[Question]]  # from a seed, questions without end, in a fixed order


class Streams:
    """Streams of distinct questions over `draw`; `repeats` counts what was passed over."""

    def __init__(self, draw: Draw, held_out: frozenset[str] = frozenset()) -> None:
        self.draw, self.held_out = draw, held_out
        self.repeats = 0
        self._streams: dict[int, tuple[Iterator[Question], list[Question], set[str]]] = {}

    def __call__(self, n: int, seed: int) -> Sequence[Question]:
        """The first `n` of the stream of `seed`; fewer where there are no more."""
        if seed not in self._streams:
            self._streams[seed] = self.draw(seed), [], set(self.held_out)
        source, made, seen = self._streams[seed]
        barren = 0
        while len(made) < n and barren < BARREN:
            question = next(source)
            key = normalised(question.text)
            barren = barren + 1 if key in seen else 0
            if not barren:
                seen.add(key)
                made.append(question)
            self.repeats += bool(barren)
        return made


def held_out(draw: Draw, test: int, validation: int, seed: int, task: str) -> tuple[list[Question], list[Question]]:
    """`test` and `validation` distinct questions of the stream of `seed`. Raises ValueError if it has fewer."""
    made = Streams(draw)(test + validation, seed)
    if len(made) < test + validation:
        raise ValueError(f"task.n_test + task.n_validation={test + validation}: task={task} has about {len(made)}")
    return list(made[:test]), list(made[test:])
