"""The forecast's stages against those of whole runs on a 6 x 6 maze: their names, and which of them runs share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_scaling.config.load import restored
from synth_scaling.config.needed_stages import needed_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import ROLES, stage_family
from synth_scaling.experiment.run import run_once
from synth_scaling.experiment.stages import CODE
from synth_scaling.forecast.expected_costs import Assumed, stages_of
from synth_scaling.sampling.engine import Engine
from tests.support.composing import config
from tests.support.small_runs import configuration

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "completions as positives": ["method=rft", "credit.as_positives=true"],
    "completions as positives, with values": ["method=rft_filtered", "credit.as_positives=true"],
    "rollouts in blocks": ["method=step_dpo", "data.rollout_block=2"],
    "more blocks": ["method=dpo", "data.rollout_block=2", "data.rollouts=5"],
    "all measurements": ["method=sft", "evaluation.base=true", "evaluation.pass_at_k=[1,2]"],
    "difficulty": ["method=sft", "evaluation.difficulty_rollouts=2"],
    "difficulty and pass@k": ["method=rft", "evaluation.difficulty_rollouts=2", "evaluation.pass_at_k=[2]"],
    "samples": ["method=rft", "evaluation.samples=2", "evaluation.temperatures=[0.5]"],
    "from pi_sft": ["method=sft", "method.start=pi_sft"],
    "pi_sft alone": ["method=sft", "method.epochs=6", "method.learning_rate=2e-3"],
    "another seed": ["method=rft", "seed=1"],
}
# The other methods' stages: tests/experiment/test_experiment.py.
RUNS = {name: [f"method={name}"] for name in ("sft", "step_dpo", "topr")} | VARIANTS
Hashes = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Config]:
    folder = tmp_path_factory.mktemp("needed")
    return {name: configuration(folder, *overrides) for name, overrides in RUNS.items()}


@pytest.fixture(scope="module")
def hashes(configs: dict[str, Config], engine: Engine) -> Hashes:
    """The store's hash of each stage of each run, in the order of the run."""
    return {name: run_once(run)["hashes"] for name, run in configs.items()}


@pytest.mark.parametrize("name", RUNS)
def test_the_forecast_names_the_stages_of_the_run(name: str, configs: dict[str, Config], hashes: Hashes) -> None:
    expected = [stage.name for stage in stages_of(configs[name])]
    assert expected == list(hashes[name]) == list(needed_stages(configs[name]))


def test_runs_share_the_stages_of_the_forecast(configs: dict[str, Config], hashes: Hashes) -> None:
    """Two stages, of one run or of two, are one in the store if and only if the forecast gives them one key."""
    keys = {(run, stage.name): stage.key for run, c in configs.items() for stage in stages_of(c)}
    stored = {(run, name): digest for run, stages in hashes.items() for name, digest in stages.items()}
    assert groups(keys) == groups(stored)


@pytest.mark.parametrize("study", ["credit", "maze", "maze_full", "star_graph"])
def test_committed_studies_have_the_stages_of_the_forecast(study: str) -> None:
    """Names of all runs' stages, and which of them are shared.

    In `credit`, different searches may give the same training rows, and thus share a policy; no forecast can know it.
    """
    rows = [json.loads(line) for line in (ROOT / "results" / study / "rows.jsonl").read_text().splitlines()]
    forecasts = {row["run"]: {stage.name: stage.key for stage in stages_of(restored(row["config"]))} for row in rows}
    assert all(forecasts[row["run"]].keys() == row["hashes"].keys() for row in rows)
    keys, stored = (
        groups({(run, name): digest for run, stages in runs.items() for name, digest in stages.items()})
        for runs in (forecasts, {row["run"]: row["hashes"] for row in rows})
    )
    if study == "credit":
        assert all(any(group <= larger for larger in stored) for group in keys)
    else:
        assert keys == stored


def groups(digests: dict[tuple[str, str], str]) -> set[frozenset[tuple[str, str]]]:
    """The (run, stage) pairs with equal digests."""
    by_digest: dict[str, set[tuple[str, str]]] = {}
    for stage, digest in digests.items():
        by_digest.setdefault(digest, set()).add(stage)
    return {frozenset(group) for group in by_digest.values()}


def test_kinds_are_those_of_the_store_and_blocks_are_rollouts() -> None:
    assert {role.kind for role in ROLES.values()} == set(CODE)
    families = {"rollouts_12": "rollouts", "samples_0.7": "samples", "base": "base", "pass_at_k": "pass_at_k"}
    assert {name: stage_family(name) for name in families} == families


def test_completions_as_positives_cost_values_and_give_positives() -> None:
    """10 rollouts per problem: 5.4 correct and 3.6 incorrect ones, and each of 3.6 pairs gives one more positive."""
    assumed, amounts = Assumed(pairs=1.0), ["data.problems=100", "data.rollouts=10", "data.max_negatives=null"]
    plain, more = (
        config("method=rft", *amounts, "data.positives=10", f"credit.as_positives={flag}") for flag in ("false", "true")
    )
    costs = [{stage.name: stage.cost for stage in stages_of(run, assumed)} for run in (plain, more)]
    assert costs[1].keys() - costs[0].keys() == {"negative_values"}
    step_dpo = {stage.name: stage.cost for stage in stages_of(config("method=step_dpo", *amounts), assumed)}
    assert costs[1]["negative_values"] == step_dpo["negative_values"]
    added = (costs[1]["policy"].tokens_trained - costs[0]["policy"].tokens_trained) / plain.method.epochs
    assert 3 + 3 + 1 <= added / (100 * 3.6) <= 3 + 14 + 1  # prompt, 3 to 14 moves, end token


def test_blocks_of_rollouts_cost_their_samples() -> None:
    amounts = ["method=rft", "data.positives=4", "data.negatives=4"]
    whole, blocks = (
        {stage.name: stage.cost.tokens_sampled for stage in stages_of(config(*amounts, *more))}
        for more in (["data.rollouts=6"], ["data.rollouts=5", "data.rollout_block=2"])
    )
    assert blocks["rollouts_0"] == blocks["rollouts_1"] == blocks["rollouts_2"]
    assert 3 * blocks["rollouts_0"] == pytest.approx(whole["rollouts"], abs=3)
