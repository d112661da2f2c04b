"""A run that takes seconds: a 6 x 6 maze, 24 problems, two epochs."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir

from synth_scaling.config.load import typed
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.sweep.sweeper import register_sweeper

N, M, K, TESTED = 24, 4, 2, 40
MINI = [
    "task.side=6",
    "task.min_distance=2",
    "task.max_distance=5",
    f"task.n_test={TESTED}",
    "task.n_validation=40",
    "task.habit_share=0.1",
    "model.layers=2",
    "model.feedforward=64",
    "model.pretrain_documents=8000",
    f"data.problems={N}",
    f"data.rollouts={M}",
    "data.positives=2",
    "data.negatives=2",
    f"credit.rollouts={K}",
    "rollout_policy.epochs=6",
    "rollout_policy.learning_rate=2e-3",
    "method.epochs=2",
    "trainer.batch_size=8",
    "trainer.logging_steps=2",
    # The engine of the other tests, so that a session starts one: tests/conftest.py.
    "engine.max_num_seqs=256",
    "engine.max_batched_tokens=4096",
    "certificate.samples=0",
    "tracking=none",
]


def settings(folder: Path, *more: str, store: Path | None = None) -> list[str]:
    return [*MINI, f"output={folder / 'out'}", f"store={store or folder / 'store'}", *more]


def configuration(folder: Path, *more: str, store: Path | None = None) -> Config:
    """The mini configuration as the command line would compose it."""
    register_schemas()
    register_sweeper()
    with initialize_config_dir(str(configs("conf").resolve()), version_base="1.3"):
        return typed(compose("config", settings(folder, *more, store=store)))
