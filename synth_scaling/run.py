r"""Train and test one policy, or every run of a sweep.

    synth-scaling run [key=value ...]                        one run
    synth-scaling run -m key=1,2 [key=value ...]             a sweep over the values between commas
    synth-scaling run --config-name SWEEP [key=value ...]    a sweep from a file, here or in --config-dir DIR

Every run is checked before the first one starts. A finished run is reused, and so is every stage that is in the store:
after an interruption the same command resumes.

Options:
  --config-name NAME   a sweep that comes with the package, or a file NAME.yaml in --config-dir (which wins)
  --config-dir DIR     folder with your sweep files
  -m, --multirun       a sweep: keys may have several values, a=1,2 or seed='range(3)'
  --dry-run            print what there is to compute and an estimate of the time, and stop
  --verbose            with --dry-run: list the runs with their state
  --no-wait            return as soon as the workers are submitted (hydra/launcher=slurm)
  --cfg job            print the composed configuration, and stop
  --hydra-help         options of Hydra itself

Examples:
  synth-scaling run method=step_dpo data.problems=400 seed=1
  synth-scaling run -m method=sft,rft data.problems=100,200 sweep=first
  synth-scaling run --config-name demo --dry-run
  synth-scaling run --config-name demo hydra.launcher.n_jobs=4
  synth-scaling run --config-dir my_sweeps --config-name mine

A sweep file holds a grid, `hydra.sweeper.params`: the product of its values. `hydra.sweeper.also` is a list of further
grids. Each is complete in itself: it takes over nothing of `params`. Keys of the command line go to every grid.

Exit code 0; 1 if a run failed; 2, with one line, if the configuration was refused; 75 after a termination signal: the
same command resumes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from synth_scaling.config.search_path import choices, configs, sweep_names
from synth_scaling.system import signals

GROUPS = ("task", "model", "method", "data", "credit", "engine", "trainer", "tracking")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the words of the command line and return 0; ends the process with another exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "-h" in words or "--help" in words:
        print(help_text())
        return 0
    signals.install(at_once=True)  # the imports below take seconds
    from synth_scaling.sweep.entry import launch  # Hydra: not needed for --help

    launch(words)
    return 0


def help_text() -> str:
    """The docstring above, the choices of each group and the sweeps that come with the package."""
    assert __doc__ is not None
    lines = [f"  {group + '=':10}{', '.join(listed(group))}" for group in GROUPS]
    sweeps = f"Sweeps that come with the package: {', '.join(sweep_names())}"
    reference = f"Every key with its default: {configs('conf')}, or --cfg job. Each comes from a file of its group."
    return "\n".join([__doc__.strip(), "", "Choices of each group:", *lines, "", sweeps, reference])


def listed(group: str) -> list[str]:
    """The choices of a group of this command; engine=openai is the one of `teach`."""
    return [name for name in choices(group) if (group, name) != ("engine", "openai")]


if __name__ == "__main__":
    sys.exit(main())
