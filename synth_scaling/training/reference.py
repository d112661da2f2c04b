"""Log-probabilities of given responses under a checkpoint, by the forward pass of the trainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from synth_scaling.core.flops import matmul_parameters, training_flops
from synth_scaling.core.progress import Progress
from synth_scaling.core.records import NLLRow, ResponseLogProbs
from synth_scaling.core.stage import Cost
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.system import signals
from synth_scaling.training.batches import IGNORED, PadRight
from synth_scaling.training.nll import example, token_nll
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import Training, load_model

Text = tuple[tuple[int, ...], tuple[int, ...], bool]  # prompt, response, whether it is finished


def reference_log_probs(
    checkpoint: Path, texts: Sequence[Text], options: TrainerOptions, threads: int, temperature: float = 1.0
) -> tuple[list[ResponseLogProbs], Cost]:
    """The log-probability at `temperature` of each response token, and of the end token of a finished response.

    As in training: weights and passes in the trainer's precision, micro-batches of its size, padded on the right. Texts
    of like length share batches. Raises Interrupted after a termination signal.
    """
    tokenizer = load_tokenizer(checkpoint)
    examples = [example(NLLRow(*text), tokenizer.eos_token_id) for text in texts]
    model: Any = load_model(Training(checkpoint, 1, 1.0, 0, options, threads)).eval()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    collate = PadRight(tokenizer.pad_token_id)
    size = options.batch_size // options.gradient_accumulation
    order = sorted(range(len(examples)), key=lambda i: len(examples[i]["input_ids"]))
    log_probs: dict[int, tuple[float, ...]] = {}
    for begin in Progress(range(0, len(order), size), desc="batches of log-probabilities"):
        if by := signals.requested():
            raise signals.Interrupted(by)
        places = order[begin : begin + size]
        batch = {name: column.to(device) for name, column in collate([examples[i] for i in places]).items()}
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=options.dtype == "bfloat16"):
            logits = model(input_ids=batch["input_ids"], use_cache=False).logits
        if temperature != 1.0:
            logits = logits.float() / temperature
        nll = token_nll(logits, batch["labels"]).view(len(places), -1)
        trained = batch["labels"][:, 1:] != IGNORED
        for i, values, where in zip(places, nll, trained, strict=True):
            log_probs[i] = tuple((-values[where]).tolist())
    tokens = sum(len(e["input_ids"]) for e in examples)
    cost = Cost(flops_training=training_flops(matmul_parameters(checkpoint), 0, tokens))
    return [ResponseLogProbs(i, log_probs[i]) for i in range(len(texts))], cost
