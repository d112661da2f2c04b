"""Interface of a sampling engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Completion:
    """Tokens sampled after a prompt, without the end token; `finished`: the end token was sampled."""

    tokens: tuple[int, ...]
    finished: bool

    @classmethod
    def of(cls, sampled: Sequence[int], limit: int, ends: Collection[int]) -> Completion:
        """From the tokens sampled, an end token included, of which up to `limit` come before it."""
        if sampled and sampled[-1] in ends:
            return cls(tuple(sampled[:-1]), True)
        return cls(tuple(sampled[:limit]), False)


@dataclass(frozen=True, slots=True)
class Scored:
    """Tokens sampled after a prompt, an end token included, and the log-probability of each of them.

    It is that of the distribution which the token was drawn from: after temperature and any truncation.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]


class Engine(Protocol):
    """Samples from one checkpoint at a time; loading another one swaps the weights."""

    numbered: bool  # a completion depends on seed, prompt and its number alone (`engine.seeds=request`)

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        """Sample from `checkpoint` (a Hugging Face folder with safetensors) from now on.

        `context`: the maximum number of tokens of a prompt with its response and end token; None: the model's maximum.
        Raises ValueError if the checkpoint lacks tensors of the previous one.
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
        """`n` completions of each of the token-id `prompts`, of prompt i at most `max_tokens[i]` long, end token aside.

        Temperature 0 is greedy. The same checkpoint, arguments and machine give the same completions, regardless of
        earlier calls. If the engine is `numbered`, the completions of prompt i have the numbers `first[i]` (0) and
        following; otherwise `first` is ignored.
        """
        ...

    def scored(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, max_tokens: int, seed: int
    ) -> list[Scored]:
        """One completion of each of the token-id `prompts` with its log-probabilities; `temperature` is above 0."""
        ...

    def prefix_cache(self) -> tuple[int, int] | None:
        """Number of prompt tokens so far, and of those served from the prefix cache; None if unknown."""
        return None

    def close(self) -> None:
        """Stop the engine and free its memory; `load` starts it again."""
        ...


def hit_rate(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """Share of the prompt tokens between two readings of :meth:`Engine.prefix_cache` that came from the cache."""
    if before is None or after is None or before[0] == after[0]:
        return None
    return (after[1] - before[1]) / (after[0] - before[0])
