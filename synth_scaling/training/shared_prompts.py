"""DPO that reads the prompt of a pair once: both sides follow it in one sequence and do not attend to each other.

TRL puts a pair into two sequences, each with the prompt. For per-step pairs, whose prompt holds the shared prefix, that
is most of the tokens. Here a sequence is

    prompt without its last token | last token, chosen side | last token again, rejected side | padding

with position numbers as in the two sequences. The last token stands twice because each side's first token is predicted
from it. The log-probabilities are those of TRL's sequences up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from synth_scaling.training.batches import IGNORED


@dataclass(frozen=True)
class Joint:
    """The sequences of B pairs, and the places of TRL's 2 B sequences of length T in them.

    `ids`, `positions`, `labels` are (B, J), `attends` is (B, J, J), and `places` (2 B, T - 1) says at which position of
    its joint sequence each next token is predicted.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    attends: torch.Tensor
    places: torch.Tensor


def join(ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> Joint:
    """Join TRL's batch: ids, attention mask, labels (2 B, T), chosen sides first, padded on the right."""
    pairs, length = len(ids) // 2, ids.shape[1]
    device = ids.device
    trained = labels != IGNORED
    first = torch.where(trained.any(dim=1), trained.int().argmax(dim=1), length)  # a side may be empty
    shared = torch.minimum(*first.chunk(2)) - 1  # tokens of the prompt before its last one
    n_chosen, n_rejected = mask.sum(dim=1).chunk(2)
    assert bool((shared >= 0).all()), "every prompt has a token"
    total = n_chosen + n_rejected - shared
    place = torch.arange(int(total.max()), device=device).expand(pairs, -1)  # (B, J)
    column = shared[:, None], n_chosen[:, None], total[:, None]
    rejected = place >= column[1]
    padding = place >= column[2]
    positions = torch.where(rejected, place - column[1] + column[0], place).masked_fill(padding, 0)  # in TRL's sequence

    def joined(of: torch.Tensor, fill: int) -> torch.Tensor:
        chosen, other = of.chunk(2)
        at = positions.clamp(max=length - 1)
        both = torch.where(rejected, other.gather(1, at), chosen.gather(1, at))
        return both.masked_fill(padding, fill)

    segment = (place >= column[0]).int() + rejected.int() + padding.int()  # 0: shared, 1, 2: a side, 3: padding
    causal = place[:, :, None] >= place[:, None, :]
    attends = causal & ((segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None]))
    next_token = torch.arange(length - 1, device=device).expand(pairs, -1)
    places = torch.cat([next_token, next_token + column[1] - column[0]]).clamp(0, place.shape[1] - 2)
    return Joint(joined(ids, 0), positions, joined(labels, IGNORED), attends, places)


def share_prompts(model: Any) -> None:
    """Make `model(..., fused_lm_head=True)` of TRL's fused head read each prompt once, with the same outputs."""
    fused = model.forward

    def forward(*args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return fused(*args, **kwargs)
        labels = kwargs.pop("labels")
        joint = join(kwargs.pop("input_ids"), kwargs.pop("attention_mask"), labels)
        mask = joint.attends[:, None]
        if model.config._attn_implementation == "eager":  # adds the mask to the scores
            mask = torch.zeros_like(mask, dtype=model.dtype).masked_fill(~mask, torch.finfo(model.dtype).min)
        outputs = fused(
            input_ids=joint.ids,
            attention_mask=mask,
            position_ids=joint.positions,
            labels=joint.labels,
            fused_lm_head=True,
            **kwargs,
        )
        trained = labels[:, 1:] != IGNORED
        for name in ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1", "label_mask"):
            if (values := getattr(outputs, name)) is not None:
                values = torch.cat([values, values]).gather(1, joint.places)
                outputs[name] = values.masked_fill(~trained, 0)
        return outputs

    model.forward = forward
