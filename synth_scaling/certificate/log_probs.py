"""The certificate: log-probabilities that the sampler and the trainer give to the same tokens of the same weights.

Methods that weight a token by pi / mu need the two to agree, and so do step values of the policy that is trained.
Without a sampler the trainer is compared with itself: in another precision, and with other rows in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synth_scaling.certificate.inputs import MODEL, teacher_rows
from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.certificate.sampling import read_samples, samples_file
from synth_scaling.certificate.training import trained_checkpoint
from synth_scaling.training.batches import IGNORED, PadRight
from synth_scaling.training.nll import token_nll
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import Training, load_model

Text = tuple[list[int], list[int]]  # prompt and response


def compare(setup: Setup, *, dtype: str) -> Measures:
    """Mean, 99th percentile and maximum of the absolute difference in log-probability per token, in nats."""
    checkpoint = trained_checkpoint(setup)
    if not checkpoint.exists():
        checkpoint = setup.path / MODEL
    training = Training(checkpoint, 1, 1e-3, 0, TrainerOptions(dtype=dtype), setup.threads)
    model: Any = load_model(training).eval()
    model.to("cuda" if setup.cuda else "cpu")
    measures: dict[str, float | int | str | bool] = {}
    texts: list[Text] = [(list(r.prompt), list(r.completion)) for r in teacher_rows(setup, 8 if setup.small else 64)]
    for graphs in (True, False):
        file = samples_file(setup, dtype, graphs)
        if not file.exists():
            continue
        rows = read_samples(file)
        texts = [(row.prompt, row.tokens) for row in rows]
        sampler = np.concatenate([row.log_probs for row in rows])
        name = "sampler_with_graphs" if graphs else "sampler"
        measures |= _differences(name, sampler, trainer_log_probs(model, texts, dtype))
    together = trainer_log_probs(model, texts, dtype)
    if dtype == "bfloat16":
        measures |= _differences("trainer_in_float32", together, trainer_log_probs(model, texts, "float32"))
    else:
        measures |= _differences("trainer_row_by_row", together, trainer_log_probs(model, texts, dtype, batch_size=1))
    return measures | {"tokens": len(together)}


def trainer_log_probs(
    model: torch.nn.Module, texts: Sequence[Text], dtype: str, batch_size: int = 16
) -> NDArray[np.float64]:
    """Log-probabilities of all response tokens, in order, as in training: float32 weights, passes in `dtype`."""
    device = next(model.parameters()).device
    collate, actual = PadRight(0), []
    for begin in range(0, len(texts), batch_size):
        examples: list[dict[str, list]] = [
            {
                "input_ids": prompt + tokens,
                "labels": [IGNORED] * len(prompt) + tokens,
                "weights": [0.0] * len(prompt) + [1.0] * len(tokens),
            }
            for prompt, tokens in texts[begin : begin + batch_size]
        ]
        batch = {name: tensor.to(device) for name, tensor in collate(examples).items()}
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = model(input_ids=batch["input_ids"], use_cache=False).logits
        nll = token_nll(logits, batch["labels"])
        actual.append(-nll[(batch["labels"][:, 1:] != IGNORED).flatten()].double().cpu().numpy())
    return np.concatenate(actual)


def _differences(name: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float]:
    gap = np.abs(a - b)
    return {
        f"{name}_mean": float(gap.mean()),
        f"{name}_p99": float(np.quantile(gap, 0.99)),
        f"{name}_max": float(gap.max()),
    }


compare_bfloat16 = partial(compare, dtype="bfloat16")
compare_float32 = partial(compare, dtype="float32")
