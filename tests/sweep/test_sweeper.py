"""The runs that a sweep plans, by Hydra's composition and a launcher whose workers only record that they ran."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from synth_scaling.config.schema import register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.core.validation import ConfigError
from synth_scaling.sweep.plan import Plan
from synth_scaling.sweep.sweeper import SweepFailed, register_sweeper
from synth_scaling.system.failures import Failure

NEED_FILES = {"paper_gsm8k", "paper_math", "self_vs_other", "gsm8k_one_gpu"}  # models and data: test_paper_sweeps.py
SWEEPS = sorted({path.stem for path in configs("sweeps").glob("*.yaml")} - NEED_FILES)


class Recorder(Launcher):
    """Marks every run of the plan as done, but those whose configuration `fails` picks."""

    launched: list[list[str]]  # a job a worker
    output: Path
    fails: Callable[[Mapping[str, Any]], bool]

    def __init__(self, **_: Any) -> None: ...

    def setup(self, **_: Any) -> None: ...

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        Recorder.launched += [list(job) for job in job_overrides]
        plan = Plan.read(Recorder.output)
        for run in plan.runs:
            folder = Recorder.output / "runs" / run.name
            folder.mkdir(parents=True, exist_ok=True)
            if Recorder.fails(run.config):
                Failure("diverged", "the loss is nan", plan.launch).write(folder)
            else:
                (folder / "row.json").write_text("{}")
                (folder / "DONE").touch()
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]


@dataclass
class RecorderConf:
    _target_: str = "hydra_plugins.recorder.Recorder"
    n_jobs: int = 1  # the keys of joblib's launcher that sweeps set
    batch_size: str = "1"


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    """Register the command's plugins, and the launcher above, in the one namespace that Hydra loads plugins from."""
    hydra.version.setbase("1.3")
    register_schemas()
    register_sweeper()
    sys.modules["hydra_plugins.recorder"] = sys.modules[__name__]
    Recorder.__module__ = "hydra_plugins.recorder"
    Plugins.instance().register(Recorder)
    ConfigStore.instance().store(group="hydra/launcher", name="recorder", node=RecorderConf, provider="tests")


@pytest.fixture(autouse=True)
def _nothing_launched_yet() -> Iterator[None]:
    Recorder.launched, Recorder.fails = [], lambda config: False
    yield


def launch(folder: Path, name: str, *arguments: str) -> list[dict[str, Any]]:
    """Configurations that `--config-name name` plans; sweeps are the package's and those in `folder`/sweeps."""
    Recorder.output = folder / "out"
    search_path = create_config_search_path(str(configs("conf")))
    for place in (configs("sweeps"), folder / "sweeps"):
        search_path.prepend("sweeps", f"file://{place}")
    selected = ["hydra/launcher=recorder", f"output={folder}/out", f"store={folder}/store"]
    app = Hydra(task_name="test", config_loader=ConfigLoaderImpl(config_search_path=search_path))
    app.multirun(name, lambda config: None, [*selected, *arguments], with_log_configuration=False)
    return [run["config"] for run in plan(folder)["runs"]]


def varied(configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    return [(config["method"]["name"], config["data"]["problems"], config["seed"]) for config in configs]


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
    if name != "demo_maze":  # nor do sizes, the largest of which the task has to have
        short = re.sub(r'data\.problems: "?(?:\d+,)*(\d+)"?', r'data.problems: "\1"', short)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / f"{name}.yaml").write_text(short)
    launch(tmp_path, name)
    runs = {run["name"] for run in plan(tmp_path)["runs"]}
    assert len(runs) == len(plan(tmp_path)["runs"]) > 1
    if name == "demo_maze":
        # 4 sizes x 6 methods, the baseline at a fifth size, and 4 numbers of positives: 58 runs with both seeds
        assert text.count("range(2)") == 3 and 2 * len(runs) == 2 * (4 * 6 + 1 + 4) == 58


def test_runs_are_planned_seed_by_seed_and_in_the_grid_s_order_within_a_seed(tmp_path: Path) -> None:
    """So that a seed's whole picture is there early, whatever the order of the keys."""
    launch(tmp_path, "demo_maze", "data.problems=100,200", "method=sft,rft", "seed=1,0")
    assert varied([run["config"] for run in plan(tmp_path)["runs"] if run["config"]["figure"] == "size"])[:4] == [
        ("sft", 100, 0),
        ("rft", 100, 0),
        ("sft", 200, 0),
        ("rft", 200, 0),
    ]
    seeds = [run["config"]["seed"] for run in plan(tmp_path)["runs"]]
    assert seeds == sorted(seeds) and set(seeds) == {0, 1}


# -- grids -----------------------------------------------------------------------------------------------------------


def test_keys_in_values_are_resolved_in_each_run_and_resolvers_before_the_values_are_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log and the figures would otherwise give every run the label of the first."""
    monkeypatch.setenv("SIZES", "10,20")
    monkeypatch.setenv("SYNTH_SCALING_ENV", "SIZES")
    grid = (
        "params: {method: 'sft,rft', trainer.batch_size: '8,16', label: \"'${method.name} b=${trainer.batch_size}'\"}"
    )
    also = "also:\n  - {data.problems: '${oc.env:SIZES}', data.negatives: '${data.rollouts}', data.rollouts: '4,6'}"
    write_sweep(tmp_path, f"{grid}\n{also}")
    configs = launch(tmp_path, "grid")
    assert [config["label"] for config in configs[:4]] == ["sft b=8", "sft b=16", "rft b=8", "rft b=16"]
    sizes = [tuple(config["data"][key] for key in ("problems", "negatives", "rollouts")) for config in configs[4:]]
    assert sizes == [(10, 4, 4), (10, 6, 6), (20, 4, 4), (20, 6, 6)]


def test_a_grid_is_a_product_and_further_grids_stand_beside_it(tmp_path: Path) -> None:
    grids = "params: {data.problems: '10,20', seed: range(2)}\nalso:\n  - {data.problems: '40', method: 'rft,dpo'}"
    write_sweep(tmp_path, grids)
    assert varied(launch(tmp_path, "grid")) == [
        ("sft", 10, 0),
        ("sft", 20, 0),
        ("rft", 40, 0),
        ("dpo", 40, 0),
        ("sft", 10, 1),
        ("sft", 20, 1),
    ]


def test_arguments_of_the_command_reach_every_grid(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {data.problems: '10,20'}\nalso:\n  - {method: rft}")
    runs = launch(tmp_path, "grid", "seed=3,4", "trainer.batch_size=8")
    grids = (("sft", 10), ("sft", 20), ("rft", 200))
    assert varied(runs) == [(*job, seed) for seed in (3, 4) for job in grids]
    assert {run["trainer"]["batch_size"] for run in runs} == {8}


def test_the_command_alone_is_a_grid(tmp_path: Path) -> None:
    runs = launch(tmp_path, "config", "hydra/sweeper=grid", "hydra.mode=MULTIRUN", "seed=0,1")
    assert varied(runs) == [("sft", 200, 0), ("sft", 200, 1)]


def test_a_grid_needs_no_override_of_the_sweeper(tmp_path: Path) -> None:
    runs = launch(tmp_path / "first", "config", "hydra.mode=MULTIRUN", "seed=0,1")
    assert varied(runs) == [("sft", 200, 0), ("sft", 200, 1)]
    (tmp_path / "sweeps").mkdir()
    text = "defaults: [config, _self_]\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '2,3'}}}\n"
    (tmp_path / "sweeps" / "plain.yaml").write_text(text)
    assert varied(launch(tmp_path, "plain")) == [("sft", 200, 2), ("sft", 200, 3)]
    assert {path.name for path in tmp_path.rglob("*.yaml")} == {"plain.yaml"}  # no multirun.yaml


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["output=outputs/${method.name}", "method=sft,rft"],
            r"^output: differs between the runs \(outputs/sft, ",
        ),
        (
            ["store=stores/${seed}", "seed=0,1,2,3"],
            r"^store: differs between the runs \(stores/0, stores/1, stores/2, \.\.\.\)",
        ),
        (["sweep=a,b"], r"^sweep: differs between the runs \(a, b\); allowed is one value for the whole sweep$"),
    ],
)
def test_a_folder_or_name_that_depends_on_the_run_is_refused(tmp_path: Path, arguments: list[str], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        launch(tmp_path, "config", "hydra.mode=MULTIRUN", *arguments)
    assert not Recorder.launched and not (tmp_path / "out").exists()


def test_jobs_with_one_result_are_one_run(tmp_path: Path) -> None:
    """Written otherwise, met again in a further grid, or different in what is not hashed: the same run."""
    write_sweep(tmp_path, 'params: {method.epochs: "10,10.0,1e1"}\nalso:\n  - {method: sft}\n  - {tracking: none}')
    assert len(launch(tmp_path, "grid")) == 1


def test_finished_runs_are_counted_and_a_finished_sweep_starts_no_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_sweep(tmp_path, 'params: {seed: range(3), model.seed: "1"}')  # another base than the one that comes along
    Recorder.fails = lambda config: config["seed"] == 2
    with pytest.raises(SweepFailed):
        launch(tmp_path, "grid")
    first = plan(tmp_path)
    Recorder.launched, Recorder.fails = [], lambda config: False
    launch(tmp_path, "grid")
    before, now = ([run | {"seconds": 0} for run in each["runs"]] for each in (first, plan(tmp_path)))
    assert len(Recorder.launched) == 1 and before == now
    assert [run["seconds"] > 0 for run in first["runs"]] == [True, True, True]
    assert [run["seconds"] > 0 for run in plan(tmp_path)["runs"]] == [False, False, True]
    assert (first["done_before"], plan(tmp_path)["done_before"]) == (0, 2)
    assert first["launch"] != plan(tmp_path)["launch"]
    Recorder.launched = []
    launch(tmp_path, "grid")
    assert not Recorder.launched
    # The seeds share the base; where two runs are done, the third has its policy, certificate and evaluation to make.
    lines = [line.removeprefix(f"{tmp_path}/out: ") for line in capsys.readouterr().out.splitlines()]
    assert [line.split(", about")[0] for line in lines] == [
        "3 runs, 0 done, 0 failed, 3 to run",
        "10 stages to compute (requested 12 times)",
        "3 runs, 2 done, 1 failed, 1 to run",
        "3 stages to compute (requested 4 times)",
        "3 runs, 3 done, 0 failed, 0 to run",
        "nothing is left to compute",
    ]


def test_finished_runs_with_other_seeds_and_sizes_remain_in_the_plan_and_those_with_other_settings_do_not(
    tmp_path: Path,
) -> None:
    """A study may be launched in parts; another version of a point is not mixed with it."""
    write_sweep(tmp_path, 'params: {seed: range(4), data.problems: "100,200", method: "sft,rft"}')
    Recorder.fails = lambda config: config["seed"] == 1
    with pytest.raises(SweepFailed):
        launch(tmp_path, "grid", "seed=0,1", "data.problems=100")
    Recorder.fails = lambda config: False
    expected = [("sft", 100, 2), ("rft", 100, 2), ("sft", 100, 0), ("rft", 100, 0)]
    assert varied(launch(tmp_path, "grid", "seed=2", "data.problems=100")) == expected
    expected = [("sft", 200, 2), ("rft", 200, 2), *expected]
    assert varied(launch(tmp_path, "grid", "seed=2", "data.problems=200")) == expected
    # Of the method that is not launched again there are no settings to compare with.
    assert varied(launch(tmp_path, "grid", "seed=2", "data.problems=200", "method=sft")) == [
        ("sft", 200, 2),
        ("sft", 100, 2),
        ("sft", 100, 0),
    ]
    assert varied(launch(tmp_path, "grid", "seed=2", "data.problems=200", "trainer.batch_size=4")) == [
        ("sft", 200, 2),
        ("rft", 200, 2),
    ]


def test_a_dry_run_prints_the_runs_to_compute_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_sweep(tmp_path, "params: {seed: range(3)}")
    with pytest.raises(FileNotFoundError):  # no plan to read
        launch(tmp_path, "grid", "hydra.sweeper.dry_run=true")
    assert not Recorder.launched and not (tmp_path / "out").exists() and not (tmp_path / "store").exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("3 runs, 0 done, 0 failed, 3 to run") and len(lines) == 2


def test_a_verbose_dry_run_lists_the_runs_and_needs_no_model(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    settings = ["task=gsm8k", "task.path=nowhere", "model=deepseek_math_7b", "seed=0,1", "hydra.mode=MULTIRUN"]
    flags = ["hydra.sweeper.dry_run=true", "hydra.sweeper.verbose=true"]
    with pytest.raises(FileNotFoundError):
        launch(tmp_path, "config", *settings, *flags)
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith("2 runs, 0 done, 0 failed, 2 to run") and second.startswith("6 stages to compute")
    assert rest[0].startswith("needed before the launch: model.path=deepseek-ai/deepseek-math-7b-base: ")
    assert [line.split()[:2] + line.split()[3:6] for line in rest[1:]] == [
        ["to", "run", "sft", "N=200", f"seed={seed}"] for seed in (0, 1)
    ]
    with pytest.raises(ConfigError, match=r"^method\.epochs=0"):
        launch(tmp_path, "config", *settings, *flags, "method.epochs=0")


@pytest.mark.parametrize(("jobs", "workers"), [(1, 1), (2, 2), (8, 3)])
def test_no_more_workers_are_started_than_there_are_runs(jobs: int, workers: int, tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {seed: range(3)}")
    launch(tmp_path, "grid", f"hydra.launcher.n_jobs={jobs}")
    assert len(Recorder.launched) == workers


def test_one_invalid_job_anywhere_stops_the_sweep_before_it_starts(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {seed: range(2)}\nalso:\n  - {method: dpo, method.beta: '0.1,0'}")
    with pytest.raises(ConfigError, match=r"^method\.beta=0\.0: allowed are values above 0$"):
        launch(tmp_path, "grid")
    assert not Recorder.launched and not (tmp_path / "out").exists() and not (tmp_path / "store").exists()


def test_failed_runs_are_named_after_the_last_whatever_the_launcher_says(tmp_path: Path) -> None:
    write_sweep(tmp_path, "params: {data.problems: '10,20,40', method: rft}")
    Recorder.fails = lambda config: config["data"]["problems"] == 20
    with pytest.raises(SweepFailed) as error:
        launch(tmp_path, "grid")
    name = plan(tmp_path)["runs"][1]["name"]
    assert str(error.value).splitlines() == [
        "1 of 3 runs failed:",
        f"  rft N=20 seed=0: diverged: the loss is nan ({tmp_path}/out/runs/{name})",
    ]
