"""Responses of `data.rollouts_path` as token ids with our grades."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from synth_scaling.core.records import Response
from synth_scaling.data.rollouts_file import GivenResponse, Selected
from synth_scaling.tasks import Task, grade_all

if TYPE_CHECKING:
    from synth_scaling.models.codec import Codec  # imports transformers


def graded_responses(path: Path, selected: Selected, task: Task, codec: Codec) -> list[Response]:
    """The selected responses, numbered per problem, each cut at the task's longest response.

    One that is not finished, or that was cut here, is incorrect. Raises ValueError naming file and line for a text that
    the tokenizer does not give back.
    """
    encoded = []
    for problem, given in selected.responses:
        tokens = given_tokens(path, given, codec)
        whole = len(tokens) <= task.max_response_tokens
        encoded.append((problem, tokens[: task.max_response_tokens], given.finished and whole))
    ended = [(problem, codec.decode(tokens)) for problem, tokens, finished in encoded if finished]
    rewards = iter(grade_all(task, ended).rewards)
    numbers: Counter[str] = Counter()
    rows = []
    for problem, tokens, finished in encoded:
        reward = int(finished and bool(next(rewards)))
        rows.append(Response(problem.id, numbers[problem.id], tokens, finished, reward))
        numbers[problem.id] += 1
    return rows


def given_tokens(path: Path, given: GivenResponse, codec: Codec) -> tuple[int, ...]:
    """Token ids of a response of the file: its own if they decode to its text, else those of the text.

    Raises ValueError naming file and line for a text that the tokenizer does not give back.
    """
    tokens = given.tokens
    if tokens is not None and max(tokens, default=0) < len(codec.tokenizer) and codec.decode(tokens) == given.text:
        return tokens
    try:
        return codec.encode(given.text)
    except ValueError as error:
        raise ValueError(f"{path}:{given.line}: response: {str(error)[:200]}") from None
