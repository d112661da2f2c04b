"""Conversion between text and token ids, and the ends of a response's steps in tokens."""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from synth_scaling.core.records import Problem
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.models.tokenizer import decode, encode, load_tokenizer
from synth_scaling.tasks.task import Task


class Codec:
    """A checkpoint's tokenizer, which neither adds special tokens to a response nor hides them.

    `prompts` is the prompt format of a pretrained model; without it a problem's prompt is encoded unchanged.
    `longest_prompt`: the maximum number of tokens of a prompt; None: unlimited.
    """

    def __init__(
        self, checkpoint: Path, prompts: PromptFormat | None = None, longest_prompt: int | None = None
    ) -> None:
        self.tokenizer = load_tokenizer(checkpoint)
        self.prompts, self.longest_prompt = prompts, longest_prompt
        self._pieces: dict[int, str] = {}
        self._prompts: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of `text`. Raises ValueError if they do not decode back to it."""
        return encode(self.tokenizer, text)

    def encode_all(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """:meth:`encode` of many texts, in a fraction of the time."""
        backend = self.tokenizer.backend_tokenizer
        backend.encode_special_tokens = True
        try:
            ids = [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
        except Exception as error:  # tokenizers raises nothing narrower for an unknown word
            raise ValueError(f"the tokenizer does not know a text of these {len(texts)} ({error})") from None
        for text, back in zip(texts, backend.decode_batch(ids, skip_special_tokens=False), strict=True):
            if text != back:
                raise ValueError(f"the tokenizer does not give this text back: {text!r}")
        return [tuple(tokens) for tokens in ids]

    def encode_prompt(self, problem: Problem) -> tuple[int, ...]:
        """Token ids of a problem's prompt, cached. Raises ValueError naming the problem if it cannot be encoded."""
        if problem.prompt not in self._prompts:
            try:
                ids = (
                    self.encode(problem.prompt)
                    if self.prompts is None
                    else self.prompts.encode(self.tokenizer, problem.prompt)
                )
            except ValueError as error:
                raise ValueError(f"problem {problem.id}: {error}") from None
            self._prompts[problem.prompt] = ids
        ids = self._prompts[problem.prompt]
        if self.longest_prompt is not None and len(ids) > self.longest_prompt:
            raise ValueError(
                f"problem {problem.id}: its prompt has {len(ids)} tokens, template included; "
                f"allowed by the task's longest prompt are {self.longest_prompt}"
            )
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, special tokens included."""
        return decode(self.tokenizer, tokens)

    def step_ends(self, task: Task, tokens: Sequence[int]) -> tuple[int, ...]:
        """Token counts after each step of a response; the last is the number of its tokens."""
        text = self.decode(tokens)
        for token in tokens:
            if token not in self._pieces:
                self._pieces[token] = self.decode([token])
        pieces = [self._pieces[token] for token in tokens]
        if "".join(pieces) == text:
            return step_ends(task.steps(text), pieces)
        return self.step_ends_by_prefixes(task.steps(text), tokens, text)

    def step_ends_by_prefixes(self, steps: Sequence[str], tokens: Sequence[int], text: str) -> tuple[int, ...]:
        """:func:`step_ends` for tokens whose texts do not join to `text`: parts of a character, stripped spaces.

        A token starts at the end of the longest common prefix of `text` and the decoded tokens before it. If these end
        within a character, their common prefix may be shorter than that of fewer tokens; a character has at most four.
        """
        if "".join(steps) != text:
            raise ValueError("the steps do not join to the response")

        @functools.cache
        def agrees(i: int) -> int:
            pairs = zip(self.decode(tokens[:i]), text, strict=False)
            return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

        def start(i: int) -> int:
            return max(agrees(j) for j in range(max(0, i - 3), i + 1))

        ends, low = {len(tokens)}, 0
        for boundary in list(itertools.accumulate(map(len, steps)))[:-1]:
            low = bisect_left(range(len(tokens)), boundary, lo=low, key=start)
            ends.add(low)
        return tuple(sorted(ends - {0})) if tokens else (0,)


def step_ends(steps: Sequence[str], pieces: Sequence[str]) -> tuple[int, ...]:
    """Token counts after each of `steps`; `pieces` are the tokens' texts. A token belongs to the step it starts in.

    A step in which no token starts is merged into the previous one. Raises ValueError if the texts differ.
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
