"""Refused values, and the messages."""

from __future__ import annotations

import re

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.hydra_errors import one_line
from synth_scaling.config.task_checks import check_task
from synth_scaling.core.validation import ConfigError
from synth_scaling.methods import METHODS
from synth_scaling.tasks import TASKS, embedded_tasks
from tests.support.composing import config, with_words

WORDED = [task for task in TASKS if task not in embedded_tasks()]
LEAST_ONE, ABOVE_ZERO = "allowed are values of at least 1", "allowed are values above 0"
SHARE = "allowed are shares from 0 to 1"
REFUSED = [
    ("data.problems=0", LEAST_ONE),
    ("data.problems=-3", LEAST_ONE),
    ("data.rollouts=0 data.positives=0 data.negatives=0", LEAST_ONE),
    ("data.traces=0", LEAST_ONE),
    ("evaluation.difficulty_rollouts=-1", "allowed are values of at least 0"),
    ("data.positives=17", "allowed are 0 to data.rollouts=16"),
    ("data.positives=-1", "allowed are 0 to data.rollouts=16"),
    ("data.negatives=9 data.rollouts=8", "allowed are 0 to data.rollouts=8"),
    ("data.max_negatives=0", LEAST_ONE),
    ("data.temperature=0.0", ABOVE_ZERO),
    ("data.temperature=nan", ABOVE_ZERO),
    ("credit.temperature=-1.0", ABOVE_ZERO),
    ("credit.rollouts=0", LEAST_ONE),
    ("rollout_policy.epochs=0.0", ABOVE_ZERO),
    ("rollout_policy.learning_rate=0.0", ABOVE_ZERO),
    ("method.epochs=0.0", ABOVE_ZERO),
    ("method.epochs=nan", ABOVE_ZERO),
    ("method.learning_rate=-0.1", ABOVE_ZERO),
    ("method.start=pretrained", "allowed are base, pi_sft"),
    ("method.pairing=closest method=dpo", "allowed are random, nearest, farthest"),
    ("method.pairing=closest method=dpo_edit_distance", "allowed are random, nearest, farthest"),
    ("method.pit=first method=step_dpo", "allowed are lowest, first_zero"),
    ("method.pit=first method=step_sft", "allowed are lowest, first_zero"),
    ("method.weight=hard method=nft", "allowed are one, difficulty, odds"),
    ("method.floor=0.0 method=unlikelihood", "allowed are values above 0"),
    ("method.prover=oracle method=step_reinforce", "allowed are pi_sft, best_of_k"),
    ("method.undesirable=0.0 method=kto", "allowed are values above 0"),
    ("method.loss=logistic method=dpo", "allowed are sigmoid, hinge, ipo"),
    ("method.label_smoothing=0.5 method.loss=robust method=step_dpo", "allowed are shares from 0 to 0.49"),
    ("method.label_smoothing=0.0 method.loss=exo_pair method=dpo_edit_distance", "allowed are values above 0 with"),
    ("method.rejected=all method=step_dpo", "allowed are step, rest"),
    ("method.chosen=step method=step_dpo", "allowed are prefix, response"),
    ("method.drop=steps method=rft_filtered", "allowed are responses, tokens"),
    ("method.weight=linear method=advantage_weighted", "allowed are exp, positive"),
    ("method.best_of=0 method=rft_filtered", LEAST_ONE),
    ("method.best_of=0 method=advantage_weighted", LEAST_ONE),
    ("method.beta=0.0 method=dpo", ABOVE_ZERO),
    ("method.beta=-1.0 method=step_dpo", ABOVE_ZERO),
    ("method.beta=0.0 method=advantage_weighted", ABOVE_ZERO),
    ("method.clip=0.0 method=advantage_weighted", ABOVE_ZERO),
    ("method.nll=-1.0 method=dpo", "allowed are values of at least 0"),
    ("data.positives=0 method=rft", "method=rft needs at least 1"),
    ("data.positives=0 method=rft_filtered", "method=rft_filtered needs at least 1"),
    ("data.negatives=0 method=dpo", "method=dpo needs at least 1"),
    ("data.negatives=0 method=step_dpo", "method=step_dpo needs at least 1"),
    ("data.negatives=0 method=advantage_weighted", "method=advantage_weighted needs at least 1"),
    ("model.width=0", LEAST_ONE),
    ("model.layers=0", LEAST_ONE),
    ("model.heads=0", LEAST_ONE),
    ("model.feedforward=0", LEAST_ONE),
    ("model.pretrain_batch_size=0", LEAST_ONE),
    ("model.pretrain_documents=-1", "allowed are values of at least 0"),
    ("model.heads=4", "model.width / model.heads must be one of (32, 64,"),
    ("model.heads=3", "model.width / model.heads must be one of (32, 64,"),
    ("trainer.batch_size=0", LEAST_ONE),
    ("trainer.gradient_accumulation=0", LEAST_ONE),
    ("trainer.logging_steps=0", LEAST_ONE),
    ("trainer.gradient_accumulation=3", "allowed are divisors of trainer.batch_size=32"),
    ("trainer.dtype=float16", "allowed are float32, bfloat16"),
    ("trainer.lora.rank=-1", "allowed are values of at least 0"),
    ("trainer.lora.alpha=0.0", ABOVE_ZERO),
    ("trainer.lora.dropout=1.0", "allowed are 0 to 0.99"),
    ("engine.max_model_len=1", "allowed are values of at least 2"),
    ("engine.name=hf", "allowed are vllm, transformers"),
    ("engine.dtype=float8", "allowed are float32, bfloat16, float16"),
    ("engine.max_num_seqs=0", LEAST_ONE),
    ("engine.max_batched_tokens=0", LEAST_ONE),
    ("engine.memory_gib=0", LEAST_ONE),
    ("engine.tensor_parallel_size=0", LEAST_ONE),
    ("evaluation.split=train", "allowed are validation, test"),
    ("evaluation.problems=0", LEAST_ONE),
    ("tracking.name=mlflow", "allowed are wandb, none"),
    ("tracking.mode=disabled", "allowed are auto, online, offline"),
    ("threads=0", LEAST_ONE),
    ("seed=-1", "allowed are 0 to 2^32 - 1"),
    ("task.side=2", "allowed are 3 to 26"),
    ("task.edge_share=1.5", SHARE),
    ("task.slack=-1", "allowed are values of at least 0"),
    ("task.min_distance=11", "allowed are 1 to task.max_distance=10"),
    ("task.degree=1 task=star_graph", "allowed are values of at least 2"),
    ("task.n_nodes=6 task=star_graph", "allowed are values of at least 7"),
]


@pytest.mark.parametrize(("overrides", "allowed"), REFUSED, ids=[overrides for overrides, _ in REFUSED])
def test_an_invalid_value_is_refused_with_key_value_and_allowed_values(overrides: str, allowed: str) -> None:
    wrong = overrides.split()[0]
    with pytest.raises(ConfigError) as error:
        config(*reversed(overrides.split()))
    assert one_line(error.value).startswith(f"{wrong}: ") and allowed in one_line(error.value)
    assert "\n" not in one_line(error.value)


# Values that would fail late, mean something else, or be a run that has no name (JSON cannot hold them).
FAIL_LATE = [
    ("method.clip=inf method=advantage_weighted", "finite"),
    ("method.epochs=inf", "finite"),
    ("method.spurious_threshold=nan method=rft_filtered", "finite"),
    ("trainer.weight_decay=nan", "allowed"),
    ("trainer.weight_decay=-0.1", "allowed"),
    ("trainer.schedule=cosin", "cosine"),
    ("trainer.warmup_share=-0.1", "allowed"),
    ("trainer.max_grad_norm=-1.0", "allowed"),
    ("model.pretrain_learning_rate=0.0", ABOVE_ZERO),
    ("model.seed=-1", "allowed are 0 to 2^32 - 1"),
    ("task.world_seed=-1", "allowed are 0 to 2^32 - 1"),
    ("seed=4294967296", "allowed"),  # numpy's legacy seeding, which transformers calls, takes 32 bits
    ("evaluation.temperature=0.0 evaluation.pass_at_k=[4]", ABOVE_ZERO),
    ("evaluation.samples=-1", "allowed are values of at least 0"),
    ("evaluation.samples=0 evaluation.temperatures=[0.5]", "with evaluation.temperatures, allowed"),
    ("engine.gpu_memory_share=0.0", "allowed"),
    ("engine.gpu_memory_share=1.5", "allowed"),
    ("tracking.sampled_rows=-1", "allowed are values of at least 0"),
]


@pytest.mark.parametrize(("overrides", "allowed"), FAIL_LATE, ids=[overrides for overrides, _ in FAIL_LATE])
def test_options_that_would_fail_late_are_refused_early(overrides: str, allowed: str) -> None:
    test_an_invalid_value_is_refused_with_key_value_and_allowed_values(overrides, allowed)


@pytest.mark.parametrize("task", WORDED)
def test_a_model_is_pretrained_for_embedded_tasks_only(task: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^model=tiny: .* task={', '.join(embedded_tasks())} only; task={task} has no"
    ):
        config(f"task={task}")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task=gsm8k"], "task.path=null: task=gsm8k needs its files; download https://"),
        (["task=math", "task.path=/nowhere"], "task.path=/nowhere: no test.jsonl, test.jsonl.gz or test.parquet there"),
        (["task=word_sums", "task.n_validation=-1"], "task.n_validation=-1: allowed are values of at least 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_task_in_words_refuses_options_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_task(with_words(*overrides))
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


def test_each_of_several_k_is_checked() -> None:
    with pytest.raises(ConfigError, match=r"^evaluation\.pass_at_k=0: allowed are values of at least 1$"):
        config("evaluation.pass_at_k=[1,0]")
    with pytest.raises(ConfigError, match=r"^evaluation\.pass_at_k=8: allowed are values up to evaluation\.samples=4$"):
        config("evaluation.pass_at_k=[1,8]", "evaluation.samples=4")
    with pytest.raises(ConfigError, match=r"^evaluation\.temperatures=0\.0: allowed are values above 0$"):
        config("evaluation.temperatures=[0.5,0.0]", "evaluation.samples=4")


# A name that is not the file's: the choice is made with `method=dpo`, not `method.name=dpo`.
@pytest.mark.parametrize("wrong", ["method.name=ours", "method.name=dpo", "task.name=ours", "task.name=star_graph"])
def test_a_name_that_does_not_fit_its_options_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(wrong)}: "):
        config(wrong)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.problems=10000000"], ["data.problems=10000000"]),
        (["evaluation.problems=5000"], ["evaluation.problems=5000", "1000"]),
        (
            ["task=star_graph", "evaluation.problems=301", "evaluation.split=validation"],
            ["evaluation.problems=301", "300"],
        ),
    ],
    ids=lambda value: " ".join(value),
)
def test_more_problems_than_the_task_has_are_refused(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        config(*overrides)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.problemz=5", ["data.problemz", "no such key", "problems", "positives"]),
        ("problems=5", ["problems", "no such key", "data"]),
        ("data.problems=many", ["data.problems", "many", "Integer"]),
        ("data.problems=1.5", ["data.problems", "1.5", "Integer"]),
        ("data.problems=null", ["data.problems"]),
        ("trainer.gradient_checkpointing=perhaps", ["trainer.gradient_checkpointing", "perhaps", "bool"]),
        ("method=ours", ["method", "ours", *METHODS]),
        ("engine=openai", ["engine", "engine=vllm for synth_scaling"]),
        ("task=ours", ["task", "ours", *TASKS]),
        ("method.beta=1", ["method.beta", "no such key", "epochs"]),
    ],
)
def test_hydras_refusals_are_one_line_too(override: str, words: list[str]) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)) as error:
        config(override)
    line = one_line(error.value)
    assert "\n" not in line and [word for word in words if word not in line] == []
