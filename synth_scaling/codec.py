"""Between text and token ids, and where a response's steps end in tokens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from synth_scaling.models import encode, load_tokenizer
from synth_scaling.tasks.task import Task


class Codec:
    """A checkpoint's tokenizer as the stages use it: no special token is ever added or hidden."""

    def __init__(self, checkpoint: Path) -> None:
        self.tokenizer = load_tokenizer(checkpoint)
        self._pieces: dict[int, str] = {}

    def encode(self, text: str) -> tuple[int, ...]:
        """Raises ValueError if the ids do not decode back to `text`."""
        return encode(self.tokenizer, text)

    def encode_all(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """:meth:`encode` of many texts, several times as fast."""
        backend = self.tokenizer.backend_tokenizer
        try:
            ids = [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
        except Exception as error:  # tokenizers raises nothing narrower for an unknown word
            raise ValueError(f"the tokenizer does not know a text of these {len(texts)} ({error})") from None
        for text, back in zip(texts, backend.decode_batch(ids, skip_special_tokens=False), strict=True):
            if text != back:
                raise ValueError(f"the tokenizer does not give this text back: {text!r}")
        return [tuple(tokens) for tokens in ids]

    def decode(self, tokens: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(tokens), skip_special_tokens=False)
        assert isinstance(text, str)
        return text

    def step_ends(self, task: Task, tokens: Sequence[int]) -> tuple[int, ...]:
        """Token count after each step of a response; the last one is all its tokens."""
        for token in tokens:
            if token not in self._pieces:
                self._pieces[token] = self.decode([token])
        pieces = [self._pieces[token] for token in tokens]
        return step_ends(task.steps("".join(pieces)), pieces)


def step_ends(steps: Sequence[str], pieces: Sequence[str]) -> tuple[int, ...]:
    """Token count after each of `steps`, both cut from the same text. A token belongs to the step it starts in.

    Steps in which no token starts are merged into the one before. Raises ValueError if the texts differ.
    """
    if "".join(steps) != "".join(pieces):
        raise ValueError("the steps do not join to the response")
    boundaries = list(itertools.accumulate(map(len, steps)))
    ends, start, current = {len(pieces)}, 0, 0
    for i, piece in enumerate(pieces):
        while start >= boundaries[current] and current < len(steps) - 1:
            ends.add(i)
            current += 1
        start += len(piece)
    return tuple(sorted(ends - {0})) if pieces else (0,)
