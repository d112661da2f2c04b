"""What a sampling engine promises, and the one living engine of this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Completion:
    """What was sampled after a prompt. `tokens` never hold the end token; `finished` says that it was produced."""

    tokens: tuple[int, ...]
    finished: bool


class Engine(Protocol):
    """Samples from one checkpoint at a time; loading another one swaps the weights."""

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        """Sample from `checkpoint` (a Hugging Face folder with safetensors) from now on.

        `context`: the most tokens that a prompt has with its response and end token; None: as many as the model takes.
        Raises ValueError if the checkpoint lacks tensors of the one before it.
        """
        ...

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
        """`n` completions of each of the token-id `prompts`; of prompt i at most `max_tokens[i]` long, end token aside.

        Temperature 0 is greedy. The same checkpoint, arguments and machine give the same completions, whatever the
        engine did before. With `engine.seeds=request` completions of a prompt are numbered, those of prompt i from
        `first[i]` on (0), and the number decides what is drawn; with `call` `first` says nothing.
        """
        ...

    def prefix_cache(self) -> tuple[int, int] | None:
        """Prompt tokens so far, and how many of them needed no computing: their keys and values were in the prefix
        cache. None if that is not known.
        """
        return None

    def close(self) -> None:
        """End it and free its memory; it is loaded again before it samples again."""
        ...


def hit_rate(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """The share of prompt tokens between two readings of :meth:`Engine.prefix_cache` that were found there."""
    if before is None or after is None or before[0] == after[0]:
        return None
    return (after[1] - before[1]) / (after[0] - before[0])
