"""A whole run of step_dpo on sums in words through the framework's own stages, in an empty store."""

from __future__ import annotations

import shutil

from synth_scaling.certificate.inputs import MODEL, PROMPT
from synth_scaling.certificate.part import Measures, Setup
from synth_scaling.config.checks import check
from synth_scaling.config.task_checks import check_task
from synth_scaling.models.options import PretrainedOptions
from synth_scaling.sweep.compose import runs_of

OVERRIDES = (
    "task=word_sums",
    "task.solution=direct",
    "task.last_number=true",
    "model=pretrained",
    "method=step_dpo",
    "method.epochs=1",
    "method.learning_rate=2e-4",
    "method.nll=1",
    "rollout_policy.epochs=3",
    "rollout_policy.learning_rate=1e-3",
    "credit.rollouts=4",
    "data.rollouts=4",
    "data.negatives=2",
    "evaluation.split=validation",
    "tracking=none",
    "sweep=gpu_check",
)
SMALL = (
    "data.problems=16",
    "evaluation.problems=8",
    "data.max_negatives=8",
    "trainer.batch_size=8",
    "trainer.lora.rank=8",
    "trainer.packing=true",
)
ON_GPU = (
    "data.problems=512",
    "evaluation.problems=200",
    "data.max_negatives=256",
    "trainer=one_gpu",
    "trainer.batch_size=32",
    "trainer.gradient_accumulation=1",
    "trainer.lora.rank=8",
    "engine=one_gpu",
)


def run_step_dpo(setup: Setup) -> Measures:
    """Seconds, tokens per second and peak device memory of each stage, the number of pairs, and the error."""
    from synth_scaling.experiment.run import run_once

    place = setup.path / "whole_run"
    shutil.rmtree(place, ignore_errors=True)
    (config,) = runs_of("config", [*OVERRIDES, *(SMALL if not setup.cuda or setup.small else ON_GPU)])
    assert isinstance(config.model, PretrainedOptions)
    config.model.path, config.model.prompt = str((setup.path / MODEL).resolve()), PROMPT
    config.output, config.store, config.threads = str(place / "runs"), str(place / "store"), setup.threads
    check(config)
    check_task(config)
    row = run_once(config)
    measures: dict[str, float | int | str | bool] = {}
    for stage, seconds in row["seconds"].items():
        if stage == "base":
            continue
        cost = row["costs"][stage]
        measures[f"{stage}_seconds"] = seconds
        measures[f"{stage}_tokens_per_second"] = (cost["tokens_trained"] or cost["tokens_sampled"]) / seconds
        if memory := row["usage"][stage]["peak_device_memory"]:
            measures[f"{stage}_gib"] = memory / 2**30
    return measures | {"pairs": row["training_rows"], "error": row["error"], "tested": row["tested"]}
