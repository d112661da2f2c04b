"""Costs before the runs, against closed forms, other ways to know a size, and what committed studies took."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from synth_scaling.config.schema import Config
from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.stage import Cost
from synth_scaling.core.validation import ConfigError
from synth_scaling.estimate import Device, compare, main
from synth_scaling.forecast.expected_costs import Assumed, computed_once, stages_of, total
from synth_scaling.forecast.model_sizes import PUBLIC, matmul_parameters_of
from synth_scaling.forecast.text_lengths import KNOWN, lengths_of
from synth_scaling.models.options import PretrainedOptions, TinyOptions
from synth_scaling.models.smollm2 import WHEEL
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.sweep.compose import runs_of
from synth_scaling.tasks.gsm8k import GSM8K, GSM8KOptions
from synth_scaling.tasks.maze import Maze
from tests.support.shared_data import DATA, needs_shared

ROOT = Path(__file__).parents[2]


def single(*overrides: str) -> Config:
    (run,) = runs_of("config", list(overrides))
    return run


def by_name(config: Config, assumed: Assumed | None = None) -> dict[str, Cost]:
    return {stage.name: stage.cost for stage in stages_of(config, assumed)}


# -- sizes -----------------------------------------------------------------------------------------------------------


def test_sizes_from_public_configurations_are_the_published_ones() -> None:
    assert PUBLIC["meta-llama/Llama-2-7b-hf"].parameters == 6_738_415_616
    assert PUBLIC["meta-llama/Llama-2-70b-hf"].parameters == 68_976_648_192
    assert PUBLIC["deepseek-ai/deepseek-math-7b-base"].parameters == 6_910_365_696
    assert PUBLIC["Qwen/Qwen2.5-0.5B"].parameters == 494_032_768
    assert PUBLIC["Qwen/Qwen2.5-1.5B"].parameters == 1_543_714_304
    assert PUBLIC["meta-llama/Llama-3.2-1B"].parameters == 1_235_814_400
    assert PUBLIC["HuggingFaceTB/SmolLM2-1.7B"].parameters == 1_711_376_384


def test_the_size_of_a_shape_is_that_of_its_checkpoint(small_maze: Maze, tmp_path: Path) -> None:
    model = TinyOptions(width=96, layers=3, heads=3, feedforward=80)
    create_tiny_llama(tmp_path, small_maze, TinyLlama(96, 3, 3, 80), seed=0)
    assert matmul_parameters_of(model, len(small_maze.vocabulary)) == matmul_parameters(tmp_path)
    elsewhere = PretrainedOptions(path=str(tmp_path))
    assert matmul_parameters_of(elsewhere, 0) == matmul_parameters(tmp_path)


def test_the_size_of_smollm2_is_that_of_its_checkpoint(smollm2: Path) -> None:
    assert PUBLIC[WHEEL].matmul_parameters == matmul_parameters(smollm2)


def test_a_model_of_unknown_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model\.path=some-org/other: its size is unknown"):
        stages_of(single("task=gsm8k", "model=pretrained", "model.path=some-org/other"))


@needs_shared
def test_known_lengths_are_those_of_the_data(smollm2: Path) -> None:
    task, tokenizer, rng = GSM8K(GSM8KOptions(path=str(DATA / "gsm8k"))), load_tokenizer(smollm2), default_rng(0)
    problems = task.problems("train", 1000, 0)
    solutions = [task.teacher(problem, rng) for problem in problems]
    known = KNOWN["gsm8k"]
    assert known.prompt == pytest.approx(fmean(len(tokenizer.encode(p.prompt)) for p in problems), rel=0.02)
    assert known.response == pytest.approx(fmean(len(tokenizer.encode(y)) for y in solutions), rel=0.02)
    assert known.steps == pytest.approx(fmean(len(task.steps(y)) for y in solutions), rel=0.02)
    assert known.tested["test"] == len(task.problems("test", None, 0))


# -- stages ----------------------------------------------------------------------------------------------------------

LLAMA = ("task=gsm8k", "model=llama2_7b", "data.problems=1000", "model.prompt='{question}'")
P = PUBLIC["meta-llama/Llama-2-7b-hf"].matmul_parameters


def test_the_cost_of_sft_is_its_tokens_times_six_p() -> None:
    actual = by_name(single(*LLAMA, "method=sft", "method.epochs=3"))
    tokens = 3 * 1000 * (60 + 92 + 1)
    assert actual["policy"] == Cost(tokens_trained=tokens, flops_training=6.0 * P * tokens)
    tested = 1319 * 92
    assert actual["evaluation"] == Cost(tokens_sampled=tested, flops_sampling=2.0 * P * (1319 * 60 + tested))
    assert actual.keys() == {"policy", "policy_certificate", "evaluation"}
    adapter = by_name(single(*LLAMA, "method=sft", "method.epochs=3", "trainer=lora"))
    assert adapter["policy"].flops_training == 4.0 * P * tokens


def test_the_cost_of_per_step_dpo_stage_by_stage() -> None:
    shares = Assumed(wrong=0.5, distinct=1.0, until_pit=1.0, prefixes=1.0, pairs=1.0)
    config = single(
        *LLAMA, "method=step_dpo", "method.epochs=2", "data.rollouts=8", "data.negatives=2", "credit.rollouts=4"
    )
    actual = by_name(config, shares)
    assert actual["rollouts"].tokens_sampled == 1000 * 8 * 92
    # 2 negatives a problem, a prefix after each of 3.5 steps but the last, 4 completions of half a response
    assert actual["negative_values"].tokens_sampled == pytest.approx(2000 * 3.5 * 4 * 46, abs=1)
    # chosen: prompt and whole response; rejected: the same up to its pit, the last of 4.5 steps
    once = 2000 * ((60 + 92 + 1) + (60 + 92))
    assert actual["policy"].tokens_trained == pytest.approx(2 * once, rel=1e-9)
    assert actual["policy"].flops_training == pytest.approx((6 * 2 + 2) * P * once, rel=1e-9)


def test_a_cheaper_search_is_a_separate_stage_at_its_share_of_the_tokens() -> None:
    whole, half = (
        single("method=step_dpo", f"credit={name}", "credit.rollouts=32") for name in ("exhaustive", "bisect")
    )
    cost = [by_name(run, Assumed(bisect=0.5))["negative_values"].tokens_sampled for run in (whole, half)]
    assert cost[1] == pytest.approx(cost[0] / 2, abs=1)
    assert len([stage for stage in computed_once([whole, half]) if stage.name == "negative_values"]) == 2


def test_prompts_that_are_read_once_change_the_training_on_pairs_alone() -> None:
    one, two = (single("method=step_dpo", f"trainer.shared_prompts={shared}") for shared in (False, True))
    stages = zip(stages_of(one), stages_of(two), strict=True)
    changed = {a.name: (a.cost.tokens_trained, b.cost.tokens_trained) for a, b in stages if a.key != b.key}
    trained, shared = changed.pop("policy")
    assert 0.5 * trained < shared < trained
    # What is sampled from the policy is another stage, at the same cost.
    assert "pi_sft" not in changed and "pi_sft_certificate" not in changed
    assert all(a == b for a, b in changed.values()) and {"evaluation"} <= set(changed)


def test_methods_of_one_n_and_seed_share_the_stages_before_them() -> None:
    runs = runs_of("config", ["hydra/sweeper=grid", "method=sft,rft,dpo,step_dpo,step_sft,advantage_weighted"])
    once = computed_once(runs)
    computed = {name: sum(stage.name == name for stage in once) for name in ("base", "pi_sft", "rollouts", "policy")}
    assert computed == {"base": 1, "pi_sft": 1, "rollouts": 1, "policy": 6}
    assert sum(stage.name == "negative_values" for stage in once) == 1
    apart = sum((total(stages_of(run)) for run in runs), Cost())
    assert total(once).flops_sampling < 0.5 * apart.flops_sampling


def test_sft_as_long_as_pi_sft_is_pi_sft() -> None:
    same = ["method=sft", "method.epochs=5", "method.learning_rate=1e-3"]
    runs = [single(*same), single("method=rft")]
    assert len(computed_once(runs)) == sum(len(stages_of(run)) for run in runs) - 2  # that policy, and the base


@given(st.integers(1, 5000), st.integers(1, 64), st.integers(1, 32))
def test_more_of_anything_costs_no_less(problems: int, rollouts: int, k: int) -> None:
    config = single_step_dpo()
    amounts = (("problems", problems), ("rollouts", rollouts))
    for name, value in amounts:
        setattr(config.data, name, value)
    config.data.negatives = min(8, rollouts)
    config.credit.rollouts = k
    before = total(stages_of(config))
    config.data.problems, config.credit.rollouts = problems + 1, k + 1
    after = total(stages_of(config))
    assert after.flops_training >= before.flops_training and after.flops_sampling > before.flops_sampling


_config: list[Config] = []


def single_step_dpo() -> Config:
    if not _config:
        _config.append(single("method=step_dpo"))
    return _config[0]


def test_known_numbers_of_test_problems() -> None:
    assert lengths_of(single("task=math").task, PretrainedOptions()).tested["test"] == 5000
    assert lengths_of(single("task=math", "task.test_parts=[math500]").task, PretrainedOptions()).tested["test"] == 500


# -- against what was measured, and the command ----------------------------------------------------------------------


@pytest.mark.parametrize("sweep", ["maze", pytest.param("maze_full", marks=pytest.mark.slow)])
def test_the_estimate_of_a_committed_study_is_within_a_third_of_its_cost(sweep: str) -> None:
    lines = list(compare(runs_of(sweep), Assumed(), ROOT / "results" / sweep))[2:]
    ratios = [float(word) for line in lines for word in line[30:].split()]
    assert len(ratios) >= 15 and all(0.75 <= ratio <= 1.33 for ratio in ratios), lines
    computed = [line[:30].split()[-3::2] for line in lines if not line.startswith("all")]
    assert all(guess == actual for guess, actual in computed), lines


def test_gpu_hours() -> None:
    device = Device(
        flops_per_second=1e15, share_of_peak_training=0.5, share_of_peak_sampling=0.1, start_seconds=90, gpus=8
    )
    assert device.hours(Cost(0, 0, 1.8e18, 3.6e17)) == pytest.approx(1 + 1)
    assert device.hours(Cost(), starts=5) == pytest.approx(1)


def test_the_command_prints_the_table_or_one_line(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    received = ["--config-name", "self_vs_other", "seed=0", "--wrong", "0.5", "--flops-per-second", "1e15"]
    assert main(received) == 0
    out = capsys.readouterr().out
    assert out.startswith("self_vs_other: 22 runs, 90 stages to compute for 102 requests\n")
    assert "GPU hours" in out and "wrong 0.5" in out and "flops_per_second 1e+15" in out
    for wrong in (["seed=-1"], ["method=nope"], ["--measured", str(tmp_path)]):
        assert main(["--config-name", "self_vs_other", *wrong]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("no estimate: ") and said.err.count("\n") == 1 and not said.out


def test_rows_of_runs_that_are_not_collected_yet_are_read(tmp_path: Path) -> None:
    row = json.loads((ROOT / "results/maze/rows.jsonl").read_text().splitlines()[0])
    (tmp_path / "runs" / row["run"]).mkdir(parents=True)
    (tmp_path / "runs" / row["run"] / "row.json").write_text(json.dumps(row))
    assert "1 of 1 runs have rows" in next(iter(compare([single("sweep=maze")], Assumed(), tmp_path)))
