"""The keys and files that enter the hash of a run."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from synth_scaling.config.naming import run_hash
from synth_scaling.experiment.stages import Stages
from synth_scaling.experiment.store import SHIPPED, Store
from synth_scaling.methods import METHODS
from synth_scaling.tasks import embedded_tasks, make_task
from synth_scaling.tracking.tracker import NoTracker
from tests.support.composing import changed, config, leaves


@pytest.mark.parametrize("task", embedded_tasks())
def test_a_run_is_named_by_every_key_but_those_that_do_not_change_its_result(task: str) -> None:
    c = config(f"task={task}")
    hashes = {path: run_hash(changed(c, path)) for path in leaves(c)}
    retained = {path for path, name in hashes.items() if name == run_hash(c)}
    how = {("engine", "replicas"), ("engine", "by_turns"), ("trainer", "max_loss"), ("trainer", "checkpoint_minutes")}
    how |= {("certificate", "samples"), ("certificate", "bound")}
    assert retained == how | {path for path in hashes if path[0] in ("tracking", "output", "store", "sweep")}
    named = [name for path, name in hashes.items() if path not in retained]
    assert len(set(named)) == len(named) > 40


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_named_by_every_option_of_its_method(method: str) -> None:
    c = config(f"method={method}")
    names = [run_hash(changed(c, ("method", *path))) for path in leaves(c.method)]
    assert len({*names, run_hash(c)}) == len(names) + 1 > 4


def test_a_runs_name_does_not_depend_on_how_it_was_written() -> None:
    same = ["tracking=none", "output=a", "store=b", "sweep=c", "label=rft", "method.epochs=8.0"]
    assert run_hash(config("method=rft", "method.epochs=8")) == run_hash(config(*same, "method=rft"))


def test_options_added_later_leave_the_names_of_runs_and_stages_that_do_not_use_them() -> None:
    """These were the names before trainer.lora, trainer.packing, evaluation.base, engine.max_model_len and so on."""
    assert run_hash(config()) == "f7aa3b19beadcbe3"
    assert run_hash(config("method=step_dpo")) == "50dc758710ba7da3"
    assert run_hash(config("task=star_graph", "seed=3")) == "040a0e4c2bc5df45"
    assert run_hash(config("trainer.lora.rank=4")) != run_hash(config("trainer.packing=true")) != run_hash(config())


@pytest.mark.parametrize(
    "overrides", [["trainer.lora.rank=8"], ["task.side=12", "model.pretrain_documents=480000"]], ids=" ".join
)
def test_the_shipped_bases_are_found(overrides: list[str], tmp_path: Path) -> None:
    """With or without an adapter on top: the base is pretrained in full."""
    for name in (folder.name for folder in SHIPPED.glob("base/*")):
        made_with = json.loads((SHIPPED / "base" / name / "stage.json").read_text())["key"]
        if any(version(package) != made_with[package] for package in ("torch", "transformers", "trl")):
            pytest.skip("they were made with other versions")
    c = config(*overrides)
    base = Stages(c, Store(tmp_path), NoTracker(), make_task(c.task)).base()
    assert base.path.parent == SHIPPED / "base" and not base.made_here and not list(tmp_path.iterdir())


def test_an_automatic_dtype_is_settled_before_it_names_a_run() -> None:
    settled = "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    c = config("trainer.dtype=auto", "engine.dtype=auto")
    assert (c.trainer.dtype, c.engine.dtype) == (settled, settled)
    assert run_hash(c) == run_hash(config(f"trainer.dtype={settled}", f"engine.dtype={settled}"))
