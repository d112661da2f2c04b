"""The engine of very small models: `generate` of transformers, in large batches.

A model of 0.2 M parameters is sampled in about the time that vLLM's scheduler takes for its bookkeeping, 60 us a token,
and importing and starting vLLM takes longer than many a run. Completions are numbered, and those of vLLM with
`engine.seeds=request` but for near-ties that rounding decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList, StoppingCriteria
from transformers.utils import logging as transformers_logging

from synth_scaling.core.progress import Progress
from synth_scaling.models.pretrained import end_tokens
from synth_scaling.sampling.draws import gumbel, request_seed, token_seeds
from synth_scaling.sampling.engine import Completion, Scored
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.system import signals


class TransformersEngine:
    numbered = True

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self._model: Any = None
        self._checkpoint: Path | None = None
        self._ends: list[int] = []

    def load(self, checkpoint: Path, context: int | None = None) -> None:
        """Load the model in `checkpoint`. `context` is not needed: nothing is set aside for it."""
        checkpoint = checkpoint.resolve()
        if checkpoint == self._checkpoint:
            return
        ends = end_tokens(checkpoint)
        self.close()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype: Any = "auto" if self.options.dtype == "auto" else getattr(torch, self.options.dtype)
        bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.disable_progress_bar()
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype, trust_remote_code=False)
        finally:
            if bars:
                transformers_logging.enable_progress_bar()
        self._model, self._checkpoint, self._ends = model.to(device).eval(), checkpoint, ends

    def close(self) -> None:
        self._model = self._checkpoint = None

    def prefix_cache(self) -> None:
        return None

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
        rows = [
            _Row(prompt, limit, request_seed(seed, prompt) + number)
            for prompt, limit, start in zip(prompts, max_tokens, first or [0] * len(prompts), strict=True)
            for number in range(start, start + n)
        ]
        drawn = self._drawn(rows, temperature)
        completions = [Completion.of(t, row.limit, self._ends) for row, (t, _) in zip(rows, drawn, strict=True)]
        return [completions[i * n : (i + 1) * n] for i in range(len(prompts))]

    def scored(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, max_tokens: int, seed: int
    ) -> list[Scored]:
        rows = [_Row(prompt, max_tokens, request_seed(seed, prompt)) for prompt in prompts]
        return [Scored(tuple(tokens), tuple(scores)) for tokens, scores in self._drawn(rows, temperature)]

    def _drawn(self, rows: list[_Row], temperature: float) -> list[tuple[list[int], list[float]]]:
        """The tokens of each row, an end token included, and their log-probabilities.

        Batches hold prompts of like length, so that little is padded.
        """
        assert self._model is not None, "load a checkpoint first"
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i].prompt), rows[i].limit))
        drawn: dict[int, tuple[list[int], list[float]]] = {}
        with Progress(total=len(rows), desc="completions") as progress:
            for start in range(0, len(order), self.options.max_num_seqs):
                signals.check()
                batch = order[start : start + self.options.max_num_seqs]
                drawn.update(zip(batch, self._generated([rows[i] for i in batch], temperature), strict=True))
                progress.update(len(batch))
        return [drawn[i] for i in range(len(rows))]

    def _generated(self, rows: list[_Row], temperature: float) -> list[tuple[list[int], list[float]]]:
        """One batch of :meth:`_drawn`."""
        longest, limits = max(len(row.prompt) for row in rows), np.array([row.limit for row in rows])
        padding = [longest - len(row.prompt) for row in rows]  # on the left, where generate wants it
        ids = [[self._ends[0]] * pad + list(row.prompt) for pad, row in zip(padding, rows, strict=True)]
        mask = [[0] * pad + [1] * len(row.prompt) for pad, row in zip(padding, rows, strict=True)]
        steps = int(limits.max()) + 1  # one token more than allowed, for the end token
        draws = _Draws(token_seeds([row.seed for row in rows], steps), temperature, longest)
        device = self._model.device
        with torch.inference_mode():
            tokens = self._model.generate(
                torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                do_sample=False,  # the draws choose
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=steps,
                eos_token_id=self._ends,
                pad_token_id=self._ends[0],
                logits_processor=LogitsProcessorList([draws]),
                stopping_criteria=[_Limits(torch.tensor(limits, device=device) + 1, longest)],
            )[:, longest:].tolist()
        scores = np.stack(draws.log_probs, axis=1).tolist()
        lengths = [self._length(row, limit + 1) for row, limit in zip(tokens, limits.tolist(), strict=True)]
        return [(t[:length], s[:length]) for t, s, length in zip(tokens, scores, lengths, strict=True)]

    def _length(self, tokens: list[int], most: int) -> int:
        """The number of tokens up to the first end token, or `most`; padding follows."""
        ends = (i + 1 for i, token in enumerate(tokens[:most]) if token in self._ends)
        return next(ends, min(most, len(tokens)))


@dataclass(frozen=True, slots=True)
class _Row:
    """A completion to draw."""

    prompt: Sequence[int]
    limit: int  # [tokens] before the end token, at most
    seed: int


class _Draws(LogitsProcessor):
    """Leaves of each row's logits the drawn token alone, which greedy decoding then takes."""

    def __init__(self, seeds: np.ndarray, temperature: float, longest: int) -> None:
        self.seeds, self.temperature, self.longest = seeds, temperature, longest
        self.log_probs: list[np.ndarray] = []  # (B,) of each step's tokens, after temperature

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores.float()
        if self.temperature > 0:
            logits = logits / self.temperature
            noise = torch.from_numpy(gumbel(self.seeds[:, input_ids.shape[1] - self.longest], scores.shape[1]))
            drawn = (logits.double() + noise.to(logits.device)).argmax(dim=1, keepdim=True)
        else:
            drawn = logits.argmax(dim=1, keepdim=True)
        chosen = logits.gather(1, drawn)
        self.log_probs.append((chosen - logits.logsumexp(dim=1, keepdim=True))[:, 0].cpu().numpy())
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)


class _Limits(StoppingCriteria):
    """A row ends at its own number of new tokens."""

    def __init__(self, limits: torch.Tensor, longest: int) -> None:
        self.limits, self.longest = limits, longest

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        return self.limits <= input_ids.shape[1] - self.longest
