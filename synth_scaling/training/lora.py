"""LoRA (arXiv 2106.09685) with peft: the adapter to train, and the plain checkpoint after merging it."""

from __future__ import annotations

from typing import Any

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel

from synth_scaling.training.options import LoRAOptions


def adapter(options: LoRAOptions) -> LoraConfig | None:
    """peft's configuration for `options`; None if all weights are trained."""
    if options.rank == 0:
        return None
    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # peft divides by the rank: a float is fine
        lora_dropout=options.dropout,
        target_modules=list(options.target_modules) or "all-linear",
        task_type="CAUSAL_LM",
    )


def merged(model: Any) -> PreTrainedModel:
    """`model` with the adapter's product added to its weights; a model without adapter unchanged."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model
