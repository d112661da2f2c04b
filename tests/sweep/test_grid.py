"""Sweeps are composed as Hydra composes them: the same configurations, and the same lines where it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.hydra_errors import one_line
from synth_scaling.config.load import as_options, typed
from synth_scaling.config.schema import Config
from synth_scaling.config.search_path import configs
from synth_scaling.core.validation import ConfigError
from synth_scaling.sweep.compose import loader_of, sweep_of
from synth_scaling.sweep.grid import expand, grids_of, in_each_run

Read = Callable[[DictConfig], Config]
SWEEPS = sorted(path.stem for path in configs("sweeps").glob("*.yaml"))


@pytest.fixture(scope="module")
def loader() -> ConfigLoaderImpl:
    return loader_of()


def load(loader: ConfigLoaderImpl, name: str, *overrides: str) -> DictConfig:
    return loader.load_configuration(name, overrides=["hydra/sweeper=grid", *overrides], run_mode=RunMode.MULTIRUN)


@pytest.fixture(scope="module")
def plain(loader: ConfigLoaderImpl) -> DictConfig:
    return load(loader, "config")


def by_hydra(loader: ConfigLoaderImpl, sweep: DictConfig, job: Sequence[str], read: Read = typed) -> Config:
    composed = loader.load_sweep_config(sweep, list(job))
    OmegaConf.set_struct(composed, False)
    composed.pop("hydra")
    return read(composed)


def runs_of(name: str, loader: ConfigLoaderImpl) -> tuple[DictConfig, list[tuple[list[str], Config]]]:
    """A sweep and its runs; models and data need not be here."""
    sweep = load(loader, name)
    return sweep, expand(grids_of(sweep.hydra.sweeper), ["trainer.batch_size=64"], loader, sweep, as_options)


@pytest.mark.parametrize("name", SWEEPS)
def test_the_first_and_the_last_run_of_every_sweep_are_hydras(name: str, loader: ConfigLoaderImpl) -> None:
    sweep, runs = runs_of(name, loader)
    assert len(runs) > 1
    for job, config in (runs[0], runs[-1]):
        assert "trainer.batch_size=64" in job and config.trainer.batch_size == 64
        assert config == by_hydra(loader, sweep, job, as_options)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEEPS)
def test_every_run_of_every_sweep_is_hydras(name: str, loader: ConfigLoaderImpl) -> None:
    sweep, runs = runs_of(name, loader)
    kinds = set()
    for job, config in runs:
        kind = tuple(re.sub(r"=[\d.e+-]+$", "", word) for word in job)
        if kind not in kinds:  # one of the runs that differ in numbers only
            assert config == by_hydra(loader, sweep, job, as_options), job
        kinds.add(kind)


JOBS = [
    ["seed=3", "label=again"],
    ["method=dpo", "label=${method.name}-${data.problems}", "method.beta=1e-2"],
    ["method=step_dpo", "data=default", "tracking=none", "data.max_negatives=null"],
    ["evaluation.pass_at_k=[1,4]", "trainer.lora.target_modules=[q_proj]", "trainer.lora.rank=2"],
    ["trainer={batch_size: 8, packing: true}"],
    ["label='a, b'", 'tracking.project="x ${seed}"', "output=/nowhere/${sweep}/${seed}"],
    ["++seed=4", "++method.epochs=3"],
    ["method=dpo", "++method.nll=1"],
    ["seed=${data.problems}"],
    ["hydra.job.name=x", "seed=1"],
    ["~seed"],
]
REFUSED = [
    ["data.problemz=5"],
    ["method=sft", "method.beta=1"],
    ["data.problems=many"],
    ["data.problems=1.5"],
    ["data.problems=null"],
    ["method=ours"],
    ["task=nowhere", "seed=1"],
    ["+seed=4"],
    ["+method.gamma=1"],
    ["+gamma=1"],
    ["~seed=7"],
    ["~gamma"],
    ["~method"],
    ["evaluation.pass_at_k=4"],
    ["label=${nothing}"],
    ["trainer.lora=5"],
    ["method@other=sft"],
    ["++method=sft"],
    ["seed=1", "threads=0"],
]


def outcome(compose: Callable[[], Config]) -> Config | str:
    try:
        return compose()
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        return f"{type(error).__name__}: {one_line(error)}"


@pytest.mark.parametrize("job", [*JOBS, *REFUSED], ids=" ".join)
def test_values_mean_the_same_as_to_hydra(job: list[str], loader: ConfigLoaderImpl, plain: DictConfig) -> None:
    ours = outcome(lambda: expand([{}], job, loader, plain)[0][1])
    assert ours == outcome(lambda: by_hydra(loader, plain, job)) and isinstance(ours, Config) == (job in JOBS)


def test_one_job_leaves_no_trace_in_the_next(loader: ConfigLoaderImpl, plain: DictConfig) -> None:
    grid = {"data.problems": "10,20", "evaluation.pass_at_k": "[1],[4,16]"}
    actual = [(c.data.problems, c.evaluation.pass_at_k) for _, c in expand([grid, {"seed": "1"}], [], loader, plain)]
    assert actual == [(10, [1]), (10, [4, 16]), (20, [1]), (20, [4, 16]), (200, [])]


def test_a_sweep_of_its_own_files_has_their_groups(loader: ConfigLoaderImpl, tmp_path: Path) -> None:
    """Files that `hydra.searchpath` adds are found, and a group that only they have is a group."""
    (tmp_path / "amount").mkdir()
    for name, n in (("few", 7), ("many", 70)):
        (tmp_path / "amount" / f"{name}.yaml").write_text(f"# @package _global_\ndata: {{problems: {n}}}\n")
    sweep = load(loader, "config", f"hydra.searchpath=['file://{tmp_path}']")
    runs = expand([{"+amount": "few,many", "seed": "5"}], [], loader, sweep)
    assert [(c.data.problems, c.seed) for _, c in runs] == [(7, 5), (70, 5)]


def test_no_run_is_refused(loader: ConfigLoaderImpl, plain: DictConfig) -> None:
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.params={}: allowed is a grid of at least one run$"):
        expand([], [], loader, plain)


# -- values of the command for groups that are swept over --------------------------------------------------------------


def test_a_value_for_a_key_that_only_the_chosen_methods_have_reaches_them() -> None:
    """Without `in_each_run` Hydra refuses it: the default method has no such key."""
    runs, _ = sweep_of("config", ["method=dpo,step_dpo", "method.nll=1", "seed=0,1"])
    assert [(run.method.name, run.method.nll, run.seed) for run in runs] == [  # type: ignore[attr-defined]
        (name, 1.0, seed) for name in ("dpo", "step_dpo") for seed in (0, 1)
    ]
    with pytest.raises((OmegaConfBaseException, HydraException)) as error:
        sweep_of("config", ["method=sft,dpo", "method.nll=1"])
    assert one_line(error.value).startswith("method.nll: no such key; allowed are epochs")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("method.nll=1", "method.nll=choice(1)"),
        ("method.nll=1,2", "method.nll=1,2"),
        ("trainer.lora.target_modules=[q_proj, v_proj]", "trainer.lora.target_modules=choice([q_proj,v_proj])"),
        ("data.path='a b,c'", "data.path=choice('a b,c')"),
        ("data.max_negatives=null", "data.max_negatives=null"),
        ("+method.new=a", "+method.new=choice(a)"),
        ("~method.nll", "~method.nll"),
        ("method=dpo", "method=dpo"),
        ("hydra.launcher.n_jobs=2", "hydra.launcher.n_jobs=2"),
        ("seed=1", "seed=1"),
        ("method.nll=[", "method.nll=["),  # Hydra says what is wrong with it
    ],
)
def test_values_of_groups_are_set_in_each_run_and_others_in_the_sweep(word: str, expected: str) -> None:
    assert in_each_run([word]) == [expected]
    if "choice" in expected:
        parser = OverridesParser.create()
        (once,), (swept,) = parser.parse_overrides([word]), parser.parse_overrides([expected])
        (value,) = swept.sweep_iterator()
        assert value == once.value()
