"""Options for speed: loss, gradients and curves of trainings without them, up to rounding, and bits that repeat."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from synth_scaling.core.hashing import key_of
from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.core.validation import ConfigError
from synth_scaling.training import speed
from synth_scaling.training.batches import IGNORED, Pack, PadRight
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.nll import example, weighted_nll
from synth_scaling.training.options import LoRAOptions, TrainerOptions, used_options
from synth_scaling.training.shared_prompts import join
from synth_scaling.training.speed import compile_layers, predicting_positions
from synth_scaling.training.trainer import Training

PAD, EOS = 0, 1
PAIRS = Preference(beta=0.5, nll=1.0)
Trained = Callable[..., Training]


def curve(rows: list, training: Training, folder: Path, preference: Preference | None = None) -> list[float]:
    folder.mkdir()
    train(rows, training, folder, preference)
    return [json.loads(line)["loss"] for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_defaults_leave_the_hash_of_a_training_as_it_was_and_each_option_changes_it() -> None:
    plain = key_of(TrainerOptions())
    others = [{"attention": "eager"}, {"compile": True}, {"trained_logits": True}, {"shared_prompts": True}]
    assert not {name for o in others for name in o} & plain.keys()
    assert all(key_of(TrainerOptions(**o)) == plain | o for o in others)  # type: ignore[arg-type]


def test_options_of_pairs_are_in_the_hash_of_trainings_on_pairs_alone() -> None:
    shared = TrainerOptions(attention="eager", shared_prompts=True)
    assert used_options(shared, pairs=False) == TrainerOptions(attention="eager")
    assert used_options(shared, pairs=True) == shared


# -- logits of trained tokens ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_the_loss_and_its_gradient_need_only_the_logits_that_predict_a_trained_token(
    lengths: list[tuple[int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        NLLRow(
            tuple(rng.integers(2, 9, p).tolist()), tuple(rng.integers(2, 9, c).tolist()), True, tuple(rng.random(c + 1))
        )
        for p, c in lengths
    ]
    batch = PadRight(PAD)([example(row, EOS) for row in rows])
    labels, weights = batch["labels"], batch["weights"]
    retained = predicting_positions(labels)
    logits = torch.randn(*labels.shape, 9, generator=torch.Generator().manual_seed(seed % 2**31), requires_grad=True)
    whole = weighted_nll(logits, labels, weights)
    (expected,) = torch.autograd.grad(whole, logits)
    few = weighted_nll(logits[:, retained], labels, weights, predicting=retained)
    (gradient,) = torch.autograd.grad(few, logits)
    torch.testing.assert_close(few, whole)
    torch.testing.assert_close(gradient, expected)
    assert set(retained.tolist()) == {i for p, c in lengths for i in range(p - 1, p + c)}


@pytest.mark.parametrize("collate", [PadRight, Pack])
def test_the_model_gives_the_same_logits_at_the_kept_positions(
    collate: type[PadRight], nll_rows: list[NLLRow], random_model: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    batch = collate(PAD)([example(row, EOS) for row in nll_rows[:6]])
    fed = {name: batch[name] for name in ("input_ids", "position_ids") if name in batch}
    retained = predicting_positions(batch["labels"])
    few = model(**fed, use_cache=False, logits_to_keep=retained).logits
    torch.testing.assert_close(few, model(**fed, use_cache=False).logits[:, retained])
    assert (batch["labels"][:, 1:] != IGNORED).sum() == (batch["labels"][:, retained + 1] != IGNORED).sum()


# -- whole trainings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "eager"},
        {"attention": "sdpa"},
        {"trained_logits": True},
        {"trained_logits": True, "packing": True, "gradient_accumulation": 2},
        {"trained_logits": True, "attention": "eager", "lora": LoRAOptions(rank=4), "gradient_checkpointing": True},
    ],
    ids=str,
)
def test_an_nll_training_has_the_curve_and_weights_of_one_without_the_options(
    options: dict, nll_rows: list[NLLRow], training: Trained, tmp_path: Path
) -> None:
    plain = {name: value for name, value in options.items() if name in ("lora", "packing", "gradient_accumulation")}
    one = curve(nll_rows, training(epochs=2, **plain), tmp_path / "plain")
    two = curve(nll_rows, training(epochs=2, **options), tmp_path / "options")
    np.testing.assert_allclose(two, one, atol=1e-4)
    _same_weights(tmp_path / "plain", tmp_path / "options")
    if options == {"attention": "sdpa"}:  # what auto chooses
        assert one == two


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "eager"},
        {"shared_prompts": True},
        {"shared_prompts": True, "attention": "eager"},
        {"shared_prompts": True, "gradient_checkpointing": True, "gradient_accumulation": 2, "length_grouped": True},
        {"shared_prompts": True, "lora": LoRAOptions(rank=4)},
    ],
    ids=str,
)
def test_pairs_have_the_curve_and_weights_of_a_training_without_the_options(
    options: dict, step_pairs: list[PreferenceRow], training: Trained, tmp_path: Path
) -> None:
    retained = ("lora", "gradient_accumulation", "length_grouped")
    plain = {name: value for name, value in options.items() if name in retained}
    one = curve(step_pairs, training(epochs=1, **plain), tmp_path / "plain", PAIRS)
    two = curve(step_pairs, training(epochs=1, **options), tmp_path / "options", PAIRS)
    np.testing.assert_allclose(two, one, atol=1e-4)
    _same_weights(tmp_path / "plain", tmp_path / "options")


# -- prompts that are read once --------------------------------------------------------------------------------------


def test_two_sides_follow_one_prompt_and_do_not_attend_to_each_other() -> None:
    no = IGNORED
    ids = torch.tensor([[5, 6, 7, 8, 9], [5, 6, 3, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    joint = join(ids, mask, torch.tensor([[no, no, 7, 8, 9], [no, no, 3, no, no]]))
    assert joint.ids.tolist() == [[5, 6, 7, 8, 9, 6, 3]]
    assert joint.positions.tolist() == [[0, 1, 2, 3, 4, 1, 2]]
    assert joint.labels.tolist() == [[no, no, 7, 8, 9, no, 3]]
    assert joint.places[0].tolist() == [0, 1, 2, 3] and joint.places[1, 1] == 5
    seen = [row.nonzero().flatten().tolist() for row in joint.attends[0]]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 5], [0, 5, 6]]


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_every_token_has_the_same_context_in_a_joint_sequence_as_in_trl(
    lengths: list[tuple[int, int, int]], seed: int
) -> None:
    """Ids and positions attended to, in order, and the label that is predicted; a chosen side may be empty."""
    rng = np.random.default_rng(seed)
    sides = [
        (rng.integers(2, 99, p).tolist(), rng.integers(2, 99, c).tolist(), rng.integers(2, 99, r).tolist())
        for p, c, r in lengths
    ]
    rows = [(p, c) for p, c, _ in sides] + [(p, r) for p, _, r in sides]
    longest = max(len(p) + len(side) for p, side in rows)
    ids = torch.tensor([p + side + [0] * (longest - len(p + side)) for p, side in rows])
    mask = torch.tensor([[1] * len(p + side) + [0] * (longest - len(p + side)) for p, side in rows])
    labels = torch.tensor([[IGNORED] * len(p) + s + [IGNORED] * (longest - len(p + s)) for p, s in rows])
    joint = join(ids, mask, labels)
    for i, (prompt, side) in enumerate(rows):
        pair = i % len(sides)
        for t in range(len(prompt) - 1, len(prompt + side) - 1):
            place = int(joint.places[i, t])
            seen = joint.attends[pair, place].nonzero().flatten()
            assert joint.ids[pair, seen].tolist() == (prompt + side)[: t + 1]
            assert joint.positions[pair, seen].tolist() == list(range(t + 1))
            assert joint.labels[pair, place + 1] == (prompt + side)[t + 1]
    assert int((joint.labels != IGNORED).sum()) == sum(len(side) for _, side in rows)
    assert joint.ids.shape[1] == max(p + c + r + 1 for p, c, r in lengths)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preference", "options"),
    [
        (None, {}),
        (None, {"lora": LoRAOptions(rank=4), "dtype": "bfloat16", "trained_logits": True}),
        (None, {"gradient_checkpointing": True, "packing": True}),
        (PAIRS, {"lora": LoRAOptions(rank=4)}),
        (PAIRS, {"attention": "eager", "shared_prompts": True}),
    ],
    ids=str,
)
def test_compiled_layers_train_alike_and_repeat_their_bits(
    preference: Preference | None,
    options: dict,
    nll_rows: list[NLLRow],
    step_pairs: list[PreferenceRow],
    training: Trained,
    tmp_path: Path,
) -> None:
    rows = nll_rows if preference is None else step_pairs
    one = curve(rows, training(epochs=1, **options), tmp_path / "plain", preference)
    two = curve(rows, training(epochs=1, compile=True, **options), tmp_path / "compiled", preference)
    again = curve(rows, training(epochs=1, compile=True, **options), tmp_path / "again", preference)
    np.testing.assert_allclose(two, one, atol=0.02 if "dtype" in options else 1e-4)
    assert two == again
    one_file, two_file = (tmp_path / name / "model.safetensors" for name in ("compiled", "again"))
    assert one_file.read_bytes() == two_file.read_bytes()
    _same_weights(tmp_path / "plain", tmp_path / "compiled", 0.02 if "dtype" in options else 2e-3)


def _same_weights(one: Path, two: Path, tolerance: float = 2e-3) -> None:
    """Up to rounding, which Adam's first steps enlarge: each is as large as the learning rate of 1e-3."""
    first, second = (load_file(folder / "model.safetensors") for folder in (one, two))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.allclose(second[name].float(), value.float(), atol=tolerance), name


# -- refusals --------------------------------------------------------------------------------------------------------


def test_compiling_is_refused_in_one_line_without_a_compiler_and_without_layers(
    random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"^trainer\.compile=True: allowed is False for Linear, which has no layers"):
        compile_layers(torch.nn.Linear(2, 2))
    monkeypatch.setattr(speed.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match=r"^trainer\.compile=True: needs a C\+\+ compiler on this machine"):
        compile_layers(AutoModelForCausalLM.from_pretrained(random_model))
