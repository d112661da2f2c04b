"""DPO (arXiv 2305.18290) on TRL's DPOTrainer, from token ids, with an optional NLL term on the chosen side.

The loss covers the tokens after the prompt only; in per-step pairs the prompt contains the shared prefix. TRL's data
preparation works on text and appends the end token to both sides. It is bypassed, because a response cut at its first
error must not end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, disable_progress_bars
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from synth_scaling.core.flops import matmul_parameters, training_flops
from synth_scaling.core.progress import Progress
from synth_scaling.core.records import PreferenceRow
from synth_scaling.core.stage import Cost
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training.lora import adapter
from synth_scaling.training.sharded import ShardedTrainer
from synth_scaling.training.shared_prompts import share_prompts
from synth_scaling.training.trainer import Curve, CurveRecorder, Training, arguments, load_model, run


def train_preference(
    rows: Sequence[PreferenceRow],
    training: Training,
    folder: Path,
    *,
    beta: float,
    nll: float,
    loss: str = "sigmoid",
    label_smoothing: float = 0.0,
    curve: Curve = lambda point: None,
) -> Cost:
    """Train on pairs with the start checkpoint as reference; write the checkpoint to `folder`, and return the cost.

    Loss of a batch: mean of -log sigmoid(beta * (chosen - rejected log-ratio)), log-probabilities summed over tokens,
    plus `nll` times the mean NLL per chosen token (with gradient accumulation, of each micro-batch). Another `loss` of
    TRL's, with its `label_smoothing`, takes the place of the first term. Raises ValueError if there are no pairs.
    """
    if not rows:
        raise ValueError("nothing to train on: the method built no pairs")
    if not sys.stderr.isatty():
        disable_progress_bars()
        os.environ.setdefault("TQDM_DISABLE", "1")  # TRL's bar over the reference pass cannot be disabled otherwise
    tokenizer = load_tokenizer(training.start)
    examples: list[dict[str, Any]] = [example(row, tokenizer.eos_token_id) for row in rows]
    if training.options.length_grouped:
        for e in examples:
            e["length"] = len(e["prompt_ids"]) + max(len(e["chosen_ids"]), len(e["rejected_ids"]))
    options = training.options
    sharded_adapter = options.sharding == "fsdp" and options.lora.rank > 0  # the pass would precede the sharding
    dpo_config = DPOConfig(
        **arguments(training, folder),
        beta=beta,
        loss_type=[loss, "sft"] if nll else [loss],
        label_smoothing=label_smoothing,
        loss_weights=[1.0, nll] if nll else None,
        max_length=None,
        precompute_ref_log_probs=not sharded_adapter,  # one pass over the pairs instead of one per epoch
    )
    kind = SharedPromptDPOTrainer if options.shared_prompts else TokenDPOTrainer
    trainer = kind(
        load_model(training),
        args=dpo_config,
        train_dataset=_shared(Dataset.from_list(examples), dpo_config, folder),
        processing_class=tokenizer,
        peft_config=adapter(training.options.lora),  # then the reference is the model with its adapter disabled
        callbacks=[CurveRecorder(training, folder, curve)],
    )
    run(trainer, training, folder)
    prompts = sum(len(e["prompt_ids"]) + 1 if options.shared_prompts else 2 * len(e["prompt_ids"]) for e in examples)
    once = prompts + sum(len(e["chosen_ids"]) + len(e["rejected_ids"]) for e in examples)
    tokens = round(training.epochs * once)
    reference = tokens if sharded_adapter else once
    flops = training_flops(matmul_parameters(folder), tokens, reference, frozen=options.lora.rank > 0)
    return Cost(tokens_trained=tokens, flops_training=flops)


def example(row: PreferenceRow, eos: int) -> dict[str, Any]:
    """TRL's columns of one pair; the end token is appended to a side iff that side ends."""
    return {
        "prompt_ids": list(row.prompt),
        "chosen_ids": [*row.chosen, *([eos] if row.chosen_ends else [])],
        "rejected_ids": [*row.rejected, *([eos] if row.rejected_ends else [])],
    }


def _shared(pairs: Dataset, dpo_config: DPOConfig, folder: Path) -> Dataset:
    """`pairs`, for several processes read from disk: TRL stores reference log-probabilities in a file beside them."""
    if dpo_config.world_size == 1:
        return pairs
    place = str(folder / "trainer" / "pairs")
    with dpo_config.main_process_first():
        if dpo_config.process_index == 0:
            pairs.save_to_disk(place)
        return Dataset.load_from_disk(place)


class TokenDPOTrainer(ShardedTrainer, DPOTrainer):
    """TRL's DPOTrainer for rows of token ids."""

    progress: Progress | None = None  # of the pass for reference log-probabilities

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        """TRL's loss; a batch without a single chosen token has no NLL term, whose mean would be 0 / 0."""
        chosen, _ = inputs["completion_mask"][:, 1:].chunk(2)
        if chosen.any():
            return super()._compute_loss(model, inputs, return_outputs)
        types, weights = self.loss_types, self.loss_weights
        self.loss_types, self.loss_weights = types[:1], weights[:1]
        try:
            return super()._compute_loss(model, inputs, return_outputs)
        finally:
            self.loss_types, self.loss_weights = types, weights

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:
        """TRL's, a batch of the pass over the pairs before training; on a terminal TRL shows a bar."""
        log_probs = super().compute_ref_log_probs(model, inputs)
        if not sys.stderr.isatty() and self.accelerator.is_main_process:
            if self.progress is None:
                pairs: Any = self.train_dataset
                self.progress = Progress(total=len(pairs), desc="pairs with reference log-probabilities")
            self.progress.update(len(log_probs[0]) * self.accelerator.num_processes)
        return log_probs


class SharedPromptDPOTrainer(TokenDPOTrainer):
    """The same loss from sequences that hold a prompt once, in the reference pass as in training."""

    def _precompute_ref_logps(self, *args: Any, **kwargs: Any) -> Any:
        model: Any = self.model
        share_prompts(model.get_base_model() if isinstance(model, PeftModel) else model)  # TRL's head is on it by now
        return super()._precompute_ref_logps(*args, **kwargs)
