"""Which runs a sweep launches, through Hydra's own composition and a launcher that only writes down what it is told."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import hydra.version
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from synth_scaling.cli import configs
from synth_scaling.config import ConfigError, register_schemas
from synth_scaling.sweeper import SweepFailed, register_sweeper

SWEEPS = sorted(path.stem for path in configs("sweeps").glob("*.yaml"))


class Recorder(Launcher):
    """Runs nothing. Jobs with an override that `fails` holds are reported as failed."""

    launched: list[list[str]]
    fails: set[str]

    def __init__(self, **_: Any) -> None: ...

    def setup(self, **_: Any) -> None: ...

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        Recorder.launched += [list(job) for job in job_overrides]
        failed = [bool(Recorder.fails & {*job}) for job in job_overrides]
        return [JobReturn(status=JobStatus.FAILED if fail else JobStatus.COMPLETED) for fail in failed]


@dataclass
class RecorderConf:
    _target_: str = "hydra_plugins.recorder.Recorder"
    n_jobs: int = 1  # the keys of joblib's launcher that sweeps set
    batch_size: str = "1"


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    """What the command registers, and the launcher above, in the one namespace that Hydra takes plugins from."""
    hydra.version.setbase("1.3")
    register_schemas()
    register_sweeper()
    sys.modules["hydra_plugins.recorder"] = sys.modules[__name__]
    Recorder.__module__ = "hydra_plugins.recorder"
    Plugins.instance().register(Recorder)
    ConfigStore.instance().store(group="hydra/launcher", name="recorder", node=RecorderConf, provider="tests")


@pytest.fixture(autouse=True)
def _nothing_launched_yet() -> Iterator[None]:
    Recorder.launched, Recorder.fails = [], set()
    yield


def launch(folder: Path, name: str, *arguments: str) -> list[list[str]]:
    """The jobs that `--config-name name` launches; sweeps are the package's and those in `folder`/sweeps."""
    search_path = create_config_search_path(str(configs("conf")))
    for place in (configs("sweeps"), folder / "sweeps"):
        search_path.prepend("sweeps", f"file://{place}")
    own = ["hydra/launcher=recorder", f"output={folder}/out", f"store={folder}/store"]
    app = Hydra(task_name="test", config_loader=ConfigLoaderImpl(config_search_path=search_path))
    app.multirun(name, lambda config: None, [*own, *arguments], with_log_configuration=False)
    return [[word for word in job if word not in own] for job in Recorder.launched]


def write_sweep(folder: Path, sweeper: str) -> None:
    """A sweep `grid` with this content of `hydra.sweeper`."""
    defaults = "defaults:\n  - config\n  - _self_\n  - override /hydra/sweeper: grid\n"
    (folder / "sweeps").mkdir()
    (folder / "sweeps" / "grid.yaml").write_text(
        f"{defaults}hydra:\n  mode: MULTIRUN\n  sweeper:\n{indent(sweeper, '    ')}"
    )


def plan(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "plan.json").read_text())


# -- the sweeps of the package ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_composes_passes_every_check_and_names_its_runs_apart(name: str, tmp_path: Path) -> None:
    text = (configs("sweeps") / f"{name}.yaml").read_text()
    short = re.sub(r'seed: "?range\(\d+\)"?', 'seed: "0"', text)  # seeds differ in nothing else
    if name != "demo":  # nor do sizes, the largest of which the task has to have
        short = re.sub(r'data\.problems: "?(?:\d+,)*(\d+)"?', r'data.problems: "\1"', short)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{name}.yaml").write_text(short)
    jobs, runs = launch(tmp_path, name), plan(tmp_path)["runs"]
    assert len(jobs) == len(runs) == len(set(runs)) > 1
    if name == "demo":
        # 4 sizes x 6 methods, the baseline at a fifth size, and 4 numbers of positives: 58 runs with both seeds
        assert text.count("range(2)") == 3 and 2 * len(runs) == 2 * (4 * 6 + 1 + 4) == 58


# -- grids -----------------------------------------------------------------------------------------------------------


def test_a_grid_is_a_product_and_further_grids_stand_beside_it(tmp_path: Path) -> None:
    grids = "params: {data.problems: '10,20', seed: range(2)}\nalso:\n  - {data.problems: '40', method: 'rft,dpo'}"
    write_sweep(tmp_path, grids)
    assert launch(tmp_path, "grid") == [
        ["data.problems=10", "seed=0"],
        ["data.problems=10", "seed=1"],
        ["data.problems=20", "seed=0"],
        ["data.problems=20", "seed=1"],
        ["data.problems=40", "method=rft"],
        ["data.problems=40", "method=dpo"],
    ]


def test_arguments_of_the_command_reach_every_grid(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {data.problems: '10,20'}\nalso:\n  - {method: rft}")
    assert launch(tmp_path, "grid", "seed=3,4", "trainer.batch_size=8") == [
        [*job, f"seed={seed}", "trainer.batch_size=8"]
        for job in (["data.problems=10"], ["data.problems=20"], ["method=rft"])
        for seed in (3, 4)
    ]


def test_the_command_alone_is_a_grid(tmp_path: Path) -> None:
    assert launch(tmp_path, "config", "hydra/sweeper=grid", "hydra.mode=MULTIRUN", "seed=0,1") == [
        ["seed=0"],
        ["seed=1"],
    ]


def test_jobs_with_one_result_are_one_run(tmp_path: Path) -> None:
    """Written otherwise, met again in a further grid, or different in what is not hashed: the same run."""
    write_sweep(tmp_path, 'params: {method.epochs: "10,10.0,1e1"}\nalso:\n  - {method: sft}\n  - {tracking: none}')
    assert len(launch(tmp_path, "grid")) == len(plan(tmp_path)["runs"]) == 1


def test_runs_that_are_done_are_not_launched_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_sweep(tmp_path, "params: {seed: range(3)}")
    launch(tmp_path, "grid")
    first = plan(tmp_path)
    for name in first["runs"][:2]:
        (tmp_path / "out" / "runs" / name).mkdir(parents=True)
        (tmp_path / "out" / "runs" / name / "DONE").touch()
    Recorder.launched = []
    assert launch(tmp_path, "grid") == [["seed=2"]]
    assert plan(tmp_path)["runs"] == first["runs"]
    assert (first["done_before"], plan(tmp_path)["done_before"]) == (0, 2)
    assert capsys.readouterr().out.splitlines()[-1].endswith("3 runs, 2 done, 1 to run")
    (tmp_path / "out" / "runs" / first["runs"][2]).mkdir()
    (tmp_path / "out" / "runs" / first["runs"][2] / "DONE").touch()
    Recorder.launched = []
    assert launch(tmp_path, "grid") == []


def test_one_wrong_job_anywhere_stops_the_sweep_before_it_starts(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {seed: range(2)}\nalso:\n  - {method: dpo, method.beta: '0.1,0'}")
    with pytest.raises(ConfigError, match=r"^method\.beta=0\.0: allowed are values above 0$"):
        launch(tmp_path, "grid")
    assert not Recorder.launched and not (tmp_path / "out").exists() and not (tmp_path / "store").exists()


def test_failed_runs_are_named_after_the_last(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {data.problems: '10,20,40', method: rft}")
    Recorder.fails = {"data.problems=20"}
    with pytest.raises(SweepFailed) as error:
        launch(tmp_path, "grid")
    assert len(Recorder.launched) == 3
    name = plan(tmp_path)["runs"][1]
    assert str(error.value) == f"1 of 3 runs failed: {tmp_path}/out/runs/{name}/error.txt (rft N=20 seed=0)"
