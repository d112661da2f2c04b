"""Plugins: tasks and methods that are found through entry points and named modules, and what is said of broken ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synth_scaling.core.registry import MODULES, Registry
from synth_scaling.core.validation import ConfigError

ROOT = Path(__file__).parents[2]
TASK = """
from dataclasses import dataclass
from synth_scaling.tasks.maze import Maze, MazeOptions

@dataclass
class LargeOptions(MazeOptions):
    side: int = 12
    name: str = "large_maze"

class Large(Maze):
    name = "large_maze"

TASK = Large, LargeOptions
TASKS = {"large_maze": TASK}
"""


def installed(folder: Path, kind: str, points: dict[str, str]) -> Path:
    """A package with these entry points, as pip leaves it."""
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    lines = [f"[synth_scaling.{kind}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def even(name: str, component: object) -> int:
    if not isinstance(component, int) or component % 2:
        raise ValueError(f"{component!r}; allowed are even numbers")
    return component


def numbers() -> Registry[int]:
    return Registry("tests", {"two": 2}, even)


def test_entry_points_and_modules_are_added_to_the_built_in_components(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_numbers.py").write_text("FOUR = 4\nTESTS = {'six': 6, 'eight': 8}\n")
    monkeypatch.syspath_prepend(installed(tmp_path, "tests", {"four": "some_numbers:FOUR"}))
    monkeypatch.setenv(MODULES, " some_numbers ,")
    registry = numbers()
    assert dict(registry) == {"two": 2, "four": 4, "six": 6, "eight": 8}
    assert registry.plugins == ["four", "six", "eight"] and "ten" not in registry and len(registry) == 4


def test_a_registry_imports_no_plugin_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODULES, "no_such_module")
    registry = numbers()
    monkeypatch.setenv(MODULES, "")
    assert list(registry) == ["two"]


def test_a_plugin_may_read_the_registry_while_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the components of the package, whether the registry or another program imports it first."""
    (tmp_path / "reads_it.py").write_text(
        "from synth_scaling.methods import METHODS\nfrom dataclasses import dataclass, replace\n"
        "from synth_scaling.methods.sft import SFTOptions\n"
        "@dataclass\nclass Mine(SFTOptions):\n    name: str = 'mine'\n"
        "METHODS = {'mine': replace(METHODS['sft'], options=Mine)}\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    monkeypatch.setenv(MODULES, "reads_it")
    program = "from synth_scaling.methods import METHODS; print(METHODS.plugins, METHODS['mine'].options().name)"
    for before in ("", "import reads_it; "):
        done = subprocess.run([sys.executable, "-c", before + program], capture_output=True, text=True)
        assert done.stdout == "['mine'] mine\n", done.stderr


@pytest.mark.parametrize(
    ("point", "source", "words"),
    [
        ("odd", "THREE = 3", "3; allowed are even numbers"),
        ("two", "THREE = 4", "the name two is taken; allowed are names other than two"),
        ("other", "", "cannot be imported (AttributeError: "),
        ("other", "import no_such_package", "cannot be imported (ModuleNotFoundError: No module named"),
        ("other", "raise RuntimeError('two\\nlines')", "cannot be imported (RuntimeError: two lines)"),
    ],
)
def test_a_broken_entry_point_is_named_in_one_line(
    point: str, source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"broken_{abs(hash((point, source)))}"
    (tmp_path / f"{module}.py").write_text(source + "\n")
    monkeypatch.syspath_prepend(installed(tmp_path, "tests", {point: f"{module}:THREE"}))
    registry = numbers()
    for _ in range(2):  # the second access says it, too
        with pytest.raises(ConfigError) as error:
            registry["two"]
        line = str(error.value)
        source = f"entry point {point} = {module}:THREE in synth_scaling.tests of package plugin"
        assert line.startswith(f"{source}: {words}")
        assert "\n" not in line


def command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "synth_scaling", "run", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_the_command_composes_and_checks_a_plugins_options(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(TASK)
    installed(tmp_path, "tasks", {"large_maze": "large:TASK"})
    done = command(tmp_path, "task=large_maze", "task.side=30", "method=rft")
    assert (done.returncode, done.stderr) == (2, "configuration refused: task.side=30: allowed are 3 to 26\n")
    done = command(tmp_path, "task=large_maze", "task.sides=3")
    assert done.returncode == 2 and done.stderr.startswith(
        "configuration refused: task.sides: no such key; allowed are"
    )


def test_a_plugins_options_may_be_refined_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(TASK)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "huge_maze.yaml").write_text("defaults: [large_maze, _self_]\nside: 27\n")
    done = command(tmp_path, "--config-dir", "conf", "task=huge_maze", SYNTH_SCALING_PLUGINS="large")
    assert (done.returncode, done.stderr) == (2, "configuration refused: task.side=27: allowed are 3 to 26\n")


def test_a_broken_plugin_ends_the_command_with_one_line(tmp_path: Path) -> None:
    done = command(tmp_path, SYNTH_SCALING_PLUGINS="no_such_plugin")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == (
        "configuration refused: SYNTH_SCALING_PLUGINS=no_such_plugin: cannot be imported "
        "(ModuleNotFoundError: No module named 'no_such_plugin'); correct or uninstall it\n"
    )
