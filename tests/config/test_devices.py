"""The GPUs that a configuration needs, and launches on machines that lack them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth_scaling import cli
from synth_scaling.config.devices import gpus_of, missing_gpus
from synth_scaling.core.validation import ConfigError
from synth_scaling.sampling.factory import engine_for
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.sweep.compose import runs_of
from synth_scaling.system.pinning import VISIBLE, devices
from tests.support.composing import config

ROOT = Path(__file__).parents[2]
NODE = "engine.eager=False: needs 8 GPUs with engine.replicas=8, and this machine has "


@pytest.fixture(params=["", "-1", "0,1,2"])
def gpus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The number of GPUs that are visible, whatever this machine has."""
    monkeypatch.setenv(VISIBLE, request.param)
    devices.cache_clear()
    yield {"": 0, "-1": 0, "0,1,2": 3}[request.param]
    devices.cache_clear()


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("", 0),
        ("engine.dtype=bfloat16", 0),
        ("engine.replicas=2 engine.shard=8", 0),
        ("trainer.num_processes=2", 0),
        ("engine=one_gpu", 1),
        ("engine=one_gpu trainer=ddp", 8),
        ("engine=gpu_node", 8),
        ("engine=gpu_node engine.replicas=4", 4),
        ("engine=gpu_node_70b", 8),
        ("engine.tensor_parallel_size=2", 2),
        ("engine.tensor_parallel_size=2 engine.replicas=3 engine.shard=8", 6),
    ],
)
def test_graphs_and_split_engines_need_gpus(words: str, needed: int) -> None:
    assert gpus_of(config(*words.split())) == needed


def test_the_shipped_sweeps_are_for_what_their_heads_say() -> None:
    assert [max(map(gpus_of, runs_of(name))) for name in ("demo", "smollm2", "gsm8k_one_gpu", "paper_gsm8k")] == [
        0,
        0,
        1,
        8,
    ]


def test_a_launch_without_its_gpus_is_one_line_and_elsewhere_none(gpus: int) -> None:
    node = [config(), config("engine=gpu_node")]
    assert (
        missing_gpus(node, "basic")
        == missing_gpus(node, "joblib")
        == NODE + ("3; allowed are up to 3" if gpus else "none; allowed on a CPU is engine=vllm")
    )
    assert missing_gpus(node, "slurm") is missing_gpus(node, "ray") is missing_gpus(node[:1], "basic") is None
    one = missing_gpus([config("engine=one_gpu")], "joblib")
    assert (
        one is None
        if gpus
        else one == ("engine.eager=False: needs 1 GPU, and this machine has none; allowed on a CPU is engine=vllm")
    )


def test_workers_that_are_pinned_have_only_their_gpus(gpus: int) -> None:
    assert missing_gpus([config("engine=gpu_node")], "joblib", 8) is None
    line = missing_gpus([config("engine=one_gpu", "trainer=ddp")], "joblib", 2)
    assert line == "trainer.num_processes=8: allowed are up to 2, one per GPU of this machine"


def test_an_engine_is_not_started_without_its_gpus(gpus: int) -> None:
    with pytest.raises(ConfigError, match=f"needs 4 GPUs, and this machine has {gpus or 'none'}"):
        engine_for(EngineOptions(tensor_parallel_size=4))


@pytest.mark.parametrize(
    "words", [["engine=gpu_node"], ["-m", "engine=vllm,gpu_node"], ["engine=gpu_node", "--dry-run"]]
)
def test_the_command_refuses_and_a_dry_run_says_so(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "synth_scaling", "run", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), VISIBLE: ""},
        capture_output=True,
        text=True,
        check=False,
    )
    line = f"{NODE}none; allowed on a CPU is engine=vllm\n"
    if "--dry-run" in words:
        assert done.returncode == 0 and done.stdout.endswith(f"a launch on this machine would be refused: {line}")
    else:
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"configuration refused: {line}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_estimates_are_gpu_hours_for_gpus_and_minutes_for_a_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["estimate", "--config-name", "gsm8k_one_gpu"]) == 0
    node = capsys.readouterr().out
    assert "GPU hours" in node and "gpus 1\n" in node and "CPU" not in node
    assert cli.main(["estimate", "--config-name", "paper_gsm8k", "seed=0"]) == 0
    assert "gpus 8\n" in capsys.readouterr().out
    assert cli.main(["estimate", "--config-name", "demo_maze", "--gpus", "2"]) == 0
    assert "gpus 2\n" in capsys.readouterr().out
    assert cli.main(["estimate", "--config-name", "demo_maze", "store=nowhere"]) == 0
    demo = capsys.readouterr().out
    assert "GPU" not in demo and "CPU hours" in demo
    (minutes,) = (line.split()[1] for line in demo.splitlines() if line.startswith("about"))
    assert 12 <= int(minutes) <= 25  # measured: 18 to 20 minutes (make demo DEMO=demo_maze)
    assert "with 2 workers on a CPU, without the base, which is stored; rates measured on two CPU cores" in demo
