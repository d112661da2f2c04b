"""The certificate of sampler and trainer: what it measures, planted mismatches, and its stages in a run."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import vllm
from transformers import AutoModelForCausalLM

from synth_scaling.config.load import restored
from synth_scaling.config.naming import resolved, run_folder, run_hash
from synth_scaling.config.needed_stages import needed_stages
from synth_scaling.core.agreement import Agreement, SamplerDisagrees, agreement, check_agreement, default_bound
from synth_scaling.experiment.run import run_once
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.models.codec import Codec
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.sampling.engine import Engine
from synth_scaling.sampling.vllm import VLLMEngine
from synth_scaling.tasks.maze import Maze
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.reference import Text, reference_log_probs
from tests.support.small_runs import configuration

FLOAT32 = default_bound({"float32"})
PLANTED = 0.03  # what every planted mismatch of the small maze is beyond
Measured = Callable[..., Agreement]
CERTIFICATES = {"pi_sft_certificate", "policy_certificate"}


@pytest.fixture
def measured(engine: Engine, pretrained: Path, small_maze: Maze, codec: Codec) -> Measured:
    """The agreement on 100 samples at `sampled`, which the trainer takes for samples of `policy` at `trained`."""

    def measure(sampled: float = 1.0, trained: float = 1.0, policy: Path = pretrained) -> Agreement:
        prompts = [codec.encode(p.prompt) for p in small_maze.problems("test", 100, 0)]
        engine.load(pretrained)
        scored = engine.scored(prompts, temperature=sampled, max_tokens=12, seed=0)
        texts: list[Text] = [(prompt, s.tokens, False) for prompt, s in zip(prompts, scored, strict=True)]
        rows, _ = reference_log_probs(policy, texts, TrainerOptions(), 1, trained)
        return agreement([x for s in scored for x in s.log_probs], [x for row in rows for x in row.log_probs])

    return measure


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampler_and_trainer_of_the_same_policy_agree(temperature: float, measured: Measured) -> None:
    of = measured(temperature, temperature)
    assert of.mean < 1e-5 and of.largest < 1e-3 and of.kl < 1e-9 and of.tokens > 300


def refused(of: Agreement) -> None:
    assert of.mean > PLANTED and of.kl > 0
    with pytest.raises(SamplerDisagrees, match=r"certificate\.bound=0\.01"):
        check_agreement("pi_sft", of, "topr", FLOAT32)


@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_another_temperature_is_refused(temperature: float, measured: Measured) -> None:
    refused(measured(sampled=temperature))


def test_stale_weights_are_refused(measured: Measured, pretrained: Path, tmp_path: Path) -> None:
    """The trainer has moved on by 5 % of each weight's spread, the engine has not."""
    model = AutoModelForCausalLM.from_pretrained(pretrained, dtype=torch.float32)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter += 0.05 * parameter.std() * torch.randn_like(parameter)
    model.save_pretrained(tmp_path)
    load_tokenizer(pretrained).save_pretrained(tmp_path)
    refused(measured(policy=tmp_path))


def test_top_p_is_refused(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "SamplingParams", functools.partial(vllm.SamplingParams, top_p=0.8))
    refused(measured())


def test_samples_after_a_certificate_are_those_before_it(
    measured: Measured, engine: Engine, pretrained: Path, small_maze: Maze, codec: Codec
) -> None:
    prompts = [codec.encode(p.prompt) for p in small_maze.problems("test", 30, 0)]
    engine.load(pretrained)

    def draw() -> object:
        return engine.sample(prompts, n=2, temperature=1.0, max_tokens=[12] * len(prompts), seed=3)

    before = draw()
    measured()
    assert draw() == before


# -- in a run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certified")


def test_a_run_has_a_certificate_of_each_policy_and_is_the_same_without(engine: Engine, folder: Path) -> None:
    plain = run_once(configuration(folder, "method=topr"))
    config = configuration(folder / "again", "method=topr", "certificate.samples=30", store=folder / "store")
    row = run_once(config)
    assert plain["certificate"] == {} and row["certificate"].keys() == {"pi_sft", "policy"}
    for name, of in row["certificate"].items():
        assert of == row["facts"][f"{name}_certificate"] and of["mean"] < 1e-5 and of["tokens"] > 30
    assert row["run"] == plain["run"]
    assert row["hashes"].keys() - plain["hashes"].keys() == CERTIFICATES
    assert all(row["hashes"][name] == digest for name, digest in plain["hashes"].items())
    for amount in (
        "error",
        "tokens_trained",
        "tokens_sampled",
        "flops_training",
        "flops_sampling",
    ):  # no method's price
        assert row[amount] == plain[amount]
    assert list(row["hashes"]) == list(needed_stages(config)) == [stage.name for stage in stages_of(config)]
    lines = [json.loads(line) for line in run_folder(config).stages.read_text().splitlines()]
    assert {line["stage"] for line in lines if "seconds" in line} == CERTIFICATES  # all that was computed anew


def test_a_method_with_ratios_is_refused_before_it_samples_and_another_is_not(
    engine: Engine, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the sampler draws at half the temperature that it is asked for."""
    scored = VLLMEngine.scored

    def colder(self: VLLMEngine, prompts: list, *, temperature: float, **given: int) -> list:
        return scored(self, prompts, temperature=temperature / 2, **given)

    monkeypatch.setattr(VLLMEngine, "scored", colder)
    more = ("certificate.samples=30", "seed=1")
    config = configuration(tmp_path, "method=topr", *more)
    with pytest.raises(SamplerDisagrees, match=r"of pi_sft differ by .* and method=topr weighs"):
        run_once(config)
    assert not (tmp_path / "store" / "responses").exists()
    assert json.loads(run_folder(config).failure_record.read_text())["line"].startswith(
        "SamplerDisagrees: certificate.bound=0.01: "
    )
    row = run_once(configuration(tmp_path, "method=rft", *more))
    assert row["certificate"]["pi_sft"]["mean"] > default_bound({"bfloat16"})


def test_a_stored_configuration_without_the_key_has_no_certificate_and_its_name(folder: Path) -> None:
    config = configuration(folder, "method=topr", "certificate.samples=100")
    plain = {key: value for key, value in resolved(config).items() if key != "certificate"}
    old = restored(plain)
    assert old.certificate.samples == 0 and run_hash(old) == run_hash(config)
    assert not CERTIFICATES & set(needed_stages(old))
