"""Rows that share sequences: the loss, its gradient and the training are those of rows apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from synth_scaling.core.records import NLLRow
from synth_scaling.training import nll
from synth_scaling.training.batches import IGNORED, Pack, PadRight, first_fit
from synth_scaling.training.nll import NLLTrainer, example, train_nll, weighted_nll
from synth_scaling.training.trainer import Training

PAD, EOS = 0, 1
Trained = Callable[..., Training]


def made_rows(vocabulary: int, n: int, seed: int) -> list[NLLRow]:
    """Rows of all kinds: with and without prompt, weights and end."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        prompt = tuple(rng.integers(2, vocabulary, size=0 if i % 4 == 3 else rng.integers(1, 9)).tolist())
        completion = tuple(rng.integers(2, vocabulary, size=rng.integers(1, 15)).tolist())
        ends = i % 3 > 0
        weights = tuple(rng.uniform(0, 2, size=len(completion) + ends).tolist()) if i % 2 else None
        rows.append(NLLRow(prompt, completion, ends, weights))
    return rows


def loss_and_gradient(model: Any, collate: PadRight, rows: list[NLLRow]) -> tuple[float, torch.Tensor, torch.Size]:
    batch = collate([example(row, EOS) for row in rows])
    model.zero_grad()
    logits = model(**{k: v for k, v in batch.items() if k in ("input_ids", "position_ids")}, use_cache=False).logits
    loss = weighted_nll(logits, batch["labels"], batch["weights"])
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return loss.item(), gradient, batch["input_ids"].shape


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_packed_loss_and_its_gradient_are_the_unpacked_ones(attention: str, random_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32, attn_implementation=attention)
    for seed in range(3):
        rows = made_rows(30, 12, seed)
        apart, gradient, (b, t) = loss_and_gradient(model, PadRight(PAD), rows)
        packed, packed_gradient, (r, length) = loss_and_gradient(model, Pack(PAD), rows)
        assert packed == pytest.approx(apart, abs=1e-5)
        torch.testing.assert_close(packed_gradient, gradient, rtol=1e-4, atol=1e-6)
        assert length == t and r < b


def test_packed_rows_of_a_real_model_do_not_see_one_another(smollm2: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    rows = made_rows(49152, 4, 5)
    with torch.no_grad():
        losses = []
        for collate in (PadRight(PAD), Pack(PAD)):
            batch = collate([example(row, 2) for row in rows])
            fed = {k: v for k, v in batch.items() if k in ("input_ids", "position_ids")}
            losses.append(weighted_nll(model(**fed, use_cache=False).logits, batch["labels"], batch["weights"]).item())
    assert losses[1] == pytest.approx(losses[0], abs=1e-5) and losses[0] > 1


def test_a_packed_batch_holds_every_row_once_with_its_own_positions() -> None:
    rows = made_rows(30, 12, 7)
    batch = Pack(PAD)([example(row, EOS) for row in rows])
    actual = []
    columns = (batch[name] for name in ("input_ids", "labels", "weights", "position_ids"))
    for ids, labels, weights, positions in zip(*columns, strict=True):
        begins = [*(i for i, p in enumerate(positions.tolist()) if p == 0), len(ids)]
        for a, b in pairwise(begins):
            assert positions[a:b].tolist() == list(range(b - a)) and labels[a] == IGNORED
            if (ids[a:b] != PAD).any():
                actual.append((ids[a:b].tolist(), labels[a + 1 : b].tolist(), weights[a:b].tolist()))
    wanted = [example(row, EOS) for row in rows]
    assert sorted(actual) == [
        (e["input_ids"], e["labels"][1:], pytest.approx(e["weights"]))
        for e in sorted(wanted, key=lambda e: e["input_ids"])
    ]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_first_fit_keeps_every_row_and_the_limit_and_leaves_no_two_half_empty(lengths: list[int]) -> None:
    groups = first_fit(lengths, max(lengths))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    sizes = [sum(lengths[i] for i in group) for group in groups]
    assert max(sizes) <= max(lengths)
    assert sum(2 * size <= max(lengths) for size in sizes) <= 1


@pytest.mark.parametrize("options", [{"packing": True}, {"packing": True, "gradient_accumulation": 2}], ids=str)
def test_a_packed_training_is_the_unpacked_one(
    options: dict[str, Any], nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    curves, trained = [], []
    for name, chosen in (("apart", {}), ("packed", options)):
        points: list[dict] = []
        (tmp_path / name).mkdir()
        train_nll(nll_rows, training(**chosen), tmp_path / name, points.append)
        curves.append([point["loss"] for point in points])
        trained.append(load_file(tmp_path / name / "model.safetensors"))
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-5 if "gradient_accumulation" not in options else 1e-4)
    assert curves[0][-1] < curves[0][0] - 0.3
    for name, tensor in trained[0].items():
        torch.testing.assert_close(trained[1][name], tensor, rtol=0, atol=2e-3)


# -- batches of rows of like length, and activations computed twice --------------------------------------------------


@pytest.fixture
def batches(training: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[list[int]]]:
    """Lengths of the rows of each batch that the trainer really makes."""

    def make(rows: list[NLLRow], **options: Any) -> Iterator[list[int]]:
        seen: list[NLLTrainer] = []
        with monkeypatch.context() as patch:
            patch.setattr(nll, "run", lambda trainer, given, folder: seen.append(trainer))
            patch.setattr(nll, "matmul_parameters", lambda folder: 0)
            train_nll(rows, training(batch_size=8, **options), tmp_path)
        for batch in seen[0].get_train_dataloader():
            yield (batch["input_ids"] != PAD).sum(dim=1).tolist()

    return make


def test_length_grouped_batches_hold_every_row_once_with_less_padding(batches: Callable) -> None:
    rows = [NLLRow((5,), (6,) * (1 + (7 * i) % 40), True) for i in range(64)]
    plain, grouped = list(batches(rows)), list(batches(rows, length_grouped=True))
    assert sorted(chain(*plain)) == sorted(chain(*grouped)) == sorted(len(r.completion) + 2 for r in rows)
    padding = [sum(max(b) * len(b) - sum(b) for b in actual) for actual in (plain, grouped)]
    assert padding[1] < 0.5 * padding[0]


def test_gradient_checkpointing_gives_the_same_training(
    nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    for name, on in (("kept", False), ("twice", True)):
        (tmp_path / name).mkdir()
        train_nll(nll_rows, training(epochs=1, gradient_checkpointing=on), tmp_path / name)
    retained, twice = (load_file(tmp_path / name / "model.safetensors") for name in ("kept", "twice"))
    for name, tensor in retained.items():
        torch.testing.assert_close(twice[name], tensor, rtol=0, atol=1e-6)
