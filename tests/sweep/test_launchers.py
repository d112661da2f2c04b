"""Refusals of the launchers before anything starts; launches are tested on a cluster (tests/cluster)."""

from typing import Any

import pytest

from synth_scaling.core.validation import ConfigError
from synth_scaling.sweep.launchers.ray import RayLauncher
from synth_scaling.sweep.launchers.slurm import SlurmLauncher
from synth_scaling.sweep.launchers.workers import WorkersLauncher, needs


@pytest.mark.parametrize(
    ("launcher", "options", "words"),
    [
        (SlurmLauncher, {"workers": 0}, "hydra.launcher.workers=0: allowed are values of at least 1"),
        (SlurmLauncher, {"n_jobs": -1}, "hydra.launcher.n_jobs=-1: allowed are values of at least 1"),
        (SlurmLauncher, {"time": 0}, "hydra.launcher.time=0: allowed are values of at least 1"),
        (SlurmLauncher, {"mem_gb": 0.0}, "hydra.launcher.mem_gb=0.0: allowed are values above 0"),
        (SlurmLauncher, {"poll": 0.0}, "hydra.launcher.poll=0.0: allowed are values above 0"),
        (SlurmLauncher, {"max_requeues": -1}, "hydra.launcher.max_requeues=-1: allowed are values of at least 0"),
        (
            SlurmLauncher,
            {"time": 2, "signal_delay": 120},
            "hydra.launcher.signal_delay=120: allowed are seconds, less than hydra.launcher.time=2 minutes",
        ),
        (RayLauncher, {"workers": -2}, "hydra.launcher.workers=-2: allowed are values of at least 1"),
        (RayLauncher, {"num_gpus": -1.0}, "hydra.launcher.num_gpus=-1.0: allowed are values of at least 0"),
        (RayLauncher, {"num_cpus": 1e6}, "hydra.launcher.num_cpus=1000000.0: allowed are up to "),
    ],
)
def test_options_that_cannot_be_are_refused(
    launcher: type[WorkersLauncher], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        launcher(**options).check()
    assert str(refused.value).startswith(words)


def test_a_missing_package_is_named_with_the_make_target_that_installs_it() -> None:
    with pytest.raises(ConfigError, match="hydra/launcher=slurm: needs no_such_module: run `make extra-slurm`"):
        needs("slurm", "no_such_module")
