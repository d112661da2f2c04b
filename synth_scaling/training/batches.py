"""Batches of token-id rows for the NLL: one row per sequence, or several packed into one.

No attention mask is needed: with causal attention, padding on the right does not reach a token. Packed rows are
separated by their positions, which start at 0 in each: transformers derives a block-diagonal mask from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

IGNORED = -100  # label of a token that is not trained on


class PadRight:
    """Collates rows into (B, T) tensors `input_ids`, `labels` and `weights`, padded on the right.

    `more` names further columns, and the value that pads each.
    """

    def __init__(self, pad: int, more: Mapping[str, Any] | None = None) -> None:
        self.fill: dict[str, Any] = {"input_ids": pad, "labels": IGNORED, "weights": 0.0, **(more or {})}

    def __call__(self, examples: list[dict[str, list]]) -> dict[str, torch.Tensor]:
        length = max(len(e["input_ids"]) for e in examples)
        return {
            name: torch.tensor([e[name] + [fill] * (length - len(e[name])) for e in examples])
            for name, fill in self.fill.items()
        }


class Pack(PadRight):
    """Packs the same rows into R <= B sequences of the same length T, with `position_ids` (R, T) from 0 in each row.

    The loss of the batch equals that of :class:`PadRight`: the same trained tokens, and their number.
    """

    def __call__(self, examples: list[dict[str, list]]) -> dict[str, torch.Tensor]:
        lengths = [len(e["input_ids"]) for e in examples]
        joined = [self._join([examples[i] for i in places]) for places in first_fit(lengths, max(lengths))]
        batch = super().__call__(joined)
        length = batch["input_ids"].shape[1]
        positions = [e["position_ids"] + list(range(length - len(e["position_ids"]))) for e in joined]
        return batch | {"position_ids": torch.tensor(positions)}

    def _join(self, examples: list[dict[str, list]]) -> dict[str, list]:
        joined: dict[str, list] = {name: [value for e in examples for value in e[name]] for name in self.fill}
        joined["position_ids"] = [i for e in examples for i in range(len(e["input_ids"]))]
        # A row's first token must not be predicted from the row before; in PadRight it is never predicted.
        joined["labels"] = [
            IGNORED if i == 0 else label for i, label in zip(joined["position_ids"], joined["labels"], strict=True)
        ]
        return joined


def first_fit(lengths: list[int], most: int) -> list[list[int]]:
    """Groups of indices of `lengths`, each with a sum of at most `most`: first fit, longest first, ties in order."""
    groups: list[list[int]] = []
    left: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        place = next((g for g, room in enumerate(left) if room >= lengths[i]), None)
        if place is None:
            groups.append([])
            left.append(most)
            place = len(groups) - 1
        groups[place].append(i)
        left[place] -= lengths[i]
    return groups
