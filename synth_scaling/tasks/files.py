"""Base class of the tasks of public data sets: questions from files or the hub, a validation split cut from train."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synth_scaling.tasks.options import FileOptions, check_files
from synth_scaling.tasks.questions import Question, QuestionTask, Wording, distinct, shuffled
from synth_scaling.tasks.sources import Row, Source


class FileTask(QuestionTask):
    """A task whose questions are the rows of a data set.

    Attributes:
        repeated: number of train questions left out because they occur earlier in train, or in test.
        unanswered: number of rows left out because they have no answer.
    """

    def __init__(
        self, options: FileOptions, wording: Wording, download: str, read: Callable[[Row], Question | None]
    ) -> None:
        """`read` returns a row's question, or None for a row without an answer. `download`: see :class:`Source`."""
        self.options = o = options
        check_files(o)
        source = Source(o.name, o.path, o.hub, o.revision, o.subsets, download)
        read_test, read_train = ([read(row) for row in source.rows(parts)] for parts in (o.test_parts, o.train_parts))
        self.unanswered = read_test.count(None) + read_train.count(None)
        all_train = [question for question in read_train if question is not None]
        seen: set[str] = set()
        test = distinct((question for question in read_test if question is not None), seen)
        train, validation = held_back(distinct(all_train, seen), o.n_validation, o.world_seed)
        self.repeated = len(all_train) - len(train) - len(validation)
        super().__init__(
            o.name,
            wording,
            {"test": test, "validation": validation},
            shuffled(train),
            o.max_prompt_tokens,
            o.max_response_tokens,
        )


def held_back(train: list[Question], n: int, seed: int) -> tuple[list[Question], list[Question]]:
    """Split `train` into the remaining questions and `n` drawn with `seed`. Raises ValueError if none would remain."""
    if n >= len(train):
        raise ValueError(f"task.n_validation={n}: allowed are 0 to {len(train) - 1}, fewer than the train questions")
    drawn = set(np.random.default_rng([seed, 2]).permutation(len(train))[:n].tolist())
    return [q for i, q in enumerate(train) if i not in drawn], [train[i] for i in sorted(drawn)]
