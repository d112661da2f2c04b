"""Trainings with the objective `policy`: the bits of RFT, losses in closed form, resumed, packed, in two processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import NLLRow, PolicyRow, Response
from synth_scaling.methods import METHODS, Graded
from synth_scaling.training import policy
from synth_scaling.training.launch import train
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.policy import PolicyTrainer, example, train_policy
from synth_scaling.training.reference import Text, reference_log_probs
from synth_scaling.training.trainer import RESUME, Training
from tests.support.moved_policies import move

EOS = 1
Trained = Callable[..., Training]
Weights = Callable[[Path], bytes]
TOPR = PolicyLoss("topr", ratio="response")


@pytest.fixture(scope="module")
def graded(demonstrations: list[Response], prompts: dict[str, tuple[int, ...]], random_model: Path) -> Graded:
    """Positives that in part repeat D_syn, negatives that in part are cut, and the random model's log-probabilities."""
    positives = [
        Response(r.problem, 0, r.tokens if i % 4 == 0 else (*r.tokens, *r.tokens[-2:]), True, 1)
        for i, r in enumerate(demonstrations)
    ]
    negatives = [Response(r.problem, 1, (*reversed(r.tokens),), i % 3 > 0, 0) for i, r in enumerate(demonstrations)]
    texts: list[Text] = [(prompts[r.problem], r.tokens, r.finished) for r in [*positives, *negatives]]
    logprobs = [row.log_probs for row in reference_log_probs(random_model, texts, TrainerOptions(), 1)[0]]
    n = len(positives)
    rates = dict.fromkeys(prompts, 0.5)
    return Graded(
        prompts,
        demonstrations,
        positives,
        negatives,
        positive_logprobs=logprobs[:n],
        negative_logprobs=logprobs[n:],
        pass_rates=rates,
    )


def rows_of(name: str, graded: Graded, **options: object) -> list:
    method = METHODS[name]
    return list(method.build(graded, method.options(**options), np.random.default_rng(0)))


def log_probs(model: torch.nn.Module, prompt: tuple[int, ...], completion: tuple[int, ...], ends: bool) -> list[float]:
    """Of each trained token, one text at a time, without padding."""
    tokens = [*completion, *([EOS] if ends else [])]
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *tokens]])).logits[0]
    actual = logits.double().log_softmax(dim=1)[len(prompt) - 1 : -1]
    return [actual[i, token].item() for i, token in enumerate(tokens)]


# -- the bits of RFT -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"packing": True}, {"trained_logits": True}, {"gradient_accumulation": 2}], ids=str
)
def test_reinforce_on_positives_alone_is_rft_bit_for_bit(
    options: dict, graded: Graded, training: Trained, weights: Weights, tmp_path: Path
) -> None:
    method = METHODS["reinforce"]
    computed = {
        "reinforce": (rows_of("reinforce", graded, negative=0.0), method.loss(method.options())),  # type: ignore[misc]
        "rft": (rows_of("rft", graded), None),
    }
    curves = []
    for name, (rows, objective) in computed.items():
        (tmp_path / name).mkdir()
        cost = train(rows, training(epochs=2, **options), tmp_path / name, objective)
        points = [json.loads(line) for line in (tmp_path / name / "curve.jsonl").read_text().splitlines()]
        curves.append([(point["loss"], point["grad_norm"], cost) for point in points])
    assert curves[0] == curves[1]
    assert weights(tmp_path / "reinforce") == weights(tmp_path / "rft")


# -- reference log-probabilities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_reference_log_probabilities_are_the_models_in_the_order_of_the_texts(
    batch_size: int, graded: Graded, random_model: Path
) -> None:
    responses = [*graded.positives[:6], *graded.negatives[:6]]
    texts: list[Text] = [(graded.prompts[r.problem], r.tokens, r.finished) for r in responses]
    rows, cost = reference_log_probs(random_model, texts, TrainerOptions(batch_size=batch_size), 1)
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    assert [row.response for row in rows] == list(range(12))
    for row, text in zip(rows, texts, strict=True):
        assert row.log_probs == pytest.approx(log_probs(model, *text), abs=1e-5)
    tokens = sum(len(prompt) + len(completion) + ends for prompt, completion, ends in texts)
    assert cost.flops_training == 2 * matmul_parameters(random_model) * tokens and cost.tokens_trained == 0


# -- the trainer's loss ------------------------------------------------------------------------------------------------


@pytest.fixture
def build_trainer(training: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PolicyTrainer]:
    """The trainer that train_policy builds, before it has taken a step."""

    def build(rows: list[PolicyRow], loss: PolicyLoss, **options: int) -> PolicyTrainer:
        built: list[PolicyTrainer] = []

        def keep(trainer: PolicyTrainer, given: Training, folder: Path) -> None:
            built.append(trainer)
            trainer.model.save_pretrained(folder)

        with monkeypatch.context() as patch:
            patch.setattr("synth_scaling.training.nll.run", keep)
            train_policy(rows, training(**options), tmp_path, loss)
        return built[0]

    return build


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("name", ["reinforce", "topr", "nft"])
def test_the_trainers_loss_is_the_closed_form_after_the_policy_has_moved(
    name: str, packing: bool, graded: Graded, build_trainer: Callable[..., PolicyTrainer]
) -> None:
    few = replace(
        graded,
        demonstrations=graded.demonstrations[:4],
        positives=graded.positives[4:8],
        positive_logprobs=graded.positive_logprobs[4:8],
        negatives=graded.negatives[:4],
        negative_logprobs=graded.negative_logprobs[:4],
    )
    rows, method = rows_of(name, few), METHODS[name]
    trainer = build_trainer(rows, method.loss(method.options()), batch_size=len(rows), packing=packing)  # type: ignore[misc]
    (batch,) = trainer.get_train_dataloader()
    move(trainer.model)
    model = trainer.model.eval()
    total, count = 0.0, 0
    for row in rows:
        values = log_probs(model, row.prompt, row.completion, row.ends)  # type: ignore[arg-type]
        whole = sum(values) - sum(row.reference or values)
        for value, mu, c in zip(values, row.reference or values, row.coefficients, strict=True):
            match name:
                case "topr" if c < 0:
                    total -= c * min(1.0, np.exp(whole)) * value
                case "nft" if row.reference is not None and c < 0:
                    total += c * np.log(max((1 - 0.5 * np.exp(value - mu)) / 0.5, 1.0))
                case "nft" if row.reference is not None:
                    total -= c * (value - mu)
                case _:
                    total -= c * value
            count += 1
    assert trainer.compute_loss(model, dict(batch)).item() == pytest.approx(total / count, abs=1e-5)


def test_the_first_step_of_topr_is_that_of_reinforce(graded: Graded, training: Trained, tmp_path: Path) -> None:
    """The random model is both the start and the policy that the log-probabilities are of."""
    trained = {}
    for name in ("topr", "reinforce"):
        method, rows = METHODS[name], rows_of(name, graded)
        (tmp_path / name).mkdir()
        one_step = training(epochs=1, batch_size=len(rows))
        train(rows, one_step, tmp_path / name, method.loss(method.options()))  # type: ignore[misc]
        trained[name] = load_file(tmp_path / name / "model.safetensors")
    for name, tensor in trained["topr"].items():
        torch.testing.assert_close(tensor, trained["reinforce"][name], rtol=1e-3, atol=2e-5)


def test_the_curve_has_log_probabilities_of_correct_and_incorrect_responses_and_the_mean_ratio(
    graded: Graded, training: Trained, random_model: Path, tmp_path: Path
) -> None:
    rows = rows_of("topr", graded)
    points: list[Mapping[str, float]] = []
    train_policy(rows, training(epochs=2, batch_size=len(rows)), tmp_path, TOPR, points.append)
    model = AutoModelForCausalLM.from_pretrained(random_model, dtype=torch.float32)
    for correct, name in ((True, "logps/correct"), (False, "logps/incorrect")):
        values = [v for r in rows if r.correct == correct for v in log_probs(model, r.prompt, r.completion, r.ends)]
        assert points[0][name] == pytest.approx(np.mean(values), abs=1e-5)
    assert points[0]["ratio"] == pytest.approx(1.0, abs=1e-5) and points[1]["ratio"] != points[0]["ratio"]
    rises = {name: points[1][name] - points[0][name] for name in ("logps/correct", "logps/incorrect")}
    assert rises["logps/correct"] > 0 and rises["logps/correct"] > rises["logps/incorrect"]


# -- trainings that agree, and ones that are refused -------------------------------------------------------------------


class Died(Exception):
    pass


def test_a_training_that_died_resumes_to_the_same_bits_and_curve(
    graded: Graded, training: Trained, weights: Weights, tmp_path: Path
) -> None:
    rows = rows_of("topr", graded)
    chosen = {"batch_size": 32, "logging_steps": 3, "checkpoint_minutes": 1e-9}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    once = training(epochs=2.5, **chosen | {"checkpoint_minutes": 0})
    train(rows, once, whole, TOPR)
    again = Training(once.start, 2.5, 1e-3, 0, TrainerOptions(**chosen), resume=broken / RESUME)  # type: ignore[arg-type]

    def die(point: Mapping[str, float]) -> None:
        if point["step"] == 6:
            raise Died

    with pytest.raises(Died):
        train(rows, again, broken, TOPR, die)
    for path in broken.iterdir():
        if path.is_file():
            path.unlink()
    train(rows, again, broken, TOPR)
    assert weights(broken) == weights(whole)
    assert (broken / "curve.jsonl").read_text() == (whole / "curve.jsonl").read_text()


@pytest.mark.slow
def test_in_two_processes_the_curve_is_that_of_one(graded: Graded, training: Trained, tmp_path: Path) -> None:
    rows, curves = rows_of("topr", graded)[:96], []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        train(rows, training(epochs=1, num_processes=processes), folder, TOPR)
        curves.append([json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()])
    assert len(curves[0]) == 6
    for name in ("loss", "logps/correct", "logps/incorrect", "ratio"):
        one, two = ([point[name] for point in curve] for curve in curves)
        assert two == pytest.approx(one, abs=1e-3), name


def test_coefficients_and_references_that_do_not_fit_the_tokens_are_refused(training: Trained, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 weights for 3 trained tokens"):
        example(PolicyRow((5,), (8, 9), True, True, (1.0, 1.0)), EOS, 0)
    with pytest.raises(ValueError, match="1 reference log-probabilities for 2 trained tokens"):
        example(PolicyRow((5,), (8, 9), False, True, (1.0, 1.0), (-0.5,)), EOS, 0)
    with pytest.raises(ValueError, match="nothing to train on"):
        policy.train_policy([], training(), tmp_path, TOPR)


def test_a_row_without_reference_and_one_with_have_the_same_columns() -> None:
    plain = example(PolicyRow((5, 6), (8,), True, True, (1.0, 1.0)), EOS, 3)
    sampled = example(PolicyRow((5, 6), (8,), True, False, (-1.0, -0.5), (-0.25, -2.0), 0.375), EOS, 4)
    assert {len(column) for column in (*plain.values(), *sampled.values())} == {4}
    assert plain["input_ids"] == sampled["input_ids"] == [5, 6, 8, EOS]
    assert plain["sampled"] == [False] * 4 and sampled["sampled"] == [False, False, True, True]
    assert sampled["reference"] == [0.0, 0.0, -0.25, -2.0] and sampled["weights"] == [0.0, 0.0, -1.0, -0.5]
    assert sampled["pass_rates"] == [0.375] * 4 and plain["row"] == [3] * 4


def test_the_loss_of_nll_rows_is_as_before(training: Trained, nll_rows: list[NLLRow], tmp_path: Path) -> None:
    """As policy rows with coefficient 1, whatever the loss: without a reference all are the NLL, bit for bit."""
    rows = [PolicyRow(r.prompt, r.completion, r.ends, True, (1.0,) * (len(r.completion) + r.ends)) for r in nll_rows]
    curves = []
    for name, data, objective in (("nll", nll_rows, None), *((k, rows, PolicyLoss(k)) for k in ("nft", "clipped"))):
        (tmp_path / name).mkdir()
        train(data, training(epochs=1), tmp_path / name, objective)  # type: ignore[arg-type]
        curves.append([json.loads(x)["loss"] for x in (tmp_path / name / "curve.jsonl").read_text().splitlines()])
    assert curves[0] == curves[1] == curves[2]
