"""A trainer of the NLL's kind whose training curve also has means over the batches since the last point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from synth_scaling.training.nll import NLLTrainer


class NotedTrainer(NLLTrainer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As in TRL's trainers, so that checkpoints hold what the next point of the curve is the mean of.
        self._metrics: dict[str, dict[str, list[float]]] = {"train": defaultdict(list)}
        self._total_train_tokens = 0

    @torch.no_grad()
    def note(self, parts: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Remember this batch's mean of each part (values, whether they count), of those with a value that counts."""
        sums = torch.stack([torch.stack([(v * where).sum(), where.sum()]) for v, where in parts.values()])
        totals = self.accelerator.reduce(sums, "sum")
        for name, (total, count) in zip(parts, totals.tolist(), strict=True):
            if count:
                self._metrics["train"][name].append(total / count)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means since the last point."""
        noted = self._metrics["train"]
        super().log(logs | {name: sum(values) / len(values) for name, values in noted.items()}, start_time)
        noted.clear()
