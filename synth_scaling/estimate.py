"""Predict a sweep's cost: runs, stages, tokens, FLOPs and hours, before it starts and without the models.

The hours are GPU hours where the configuration is for GPUs (engine.eager=false, or an engine split over several), or
where an option of a device is given; else hours of workers on a CPU, read from similar stages that were measured.

examples:
  synth-scaling estimate --config-name demo                                       # hours on a CPU
  synth-scaling estimate --config-name paper_gsm8k                                # GPU hours
  synth-scaling estimate --config-name gsm8k_one_gpu --start-seconds 20
  synth-scaling estimate --config-name maze_full --measured results/maze_full     # against the measured cost
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.devices import gpus_of
from synth_scaling.config.hydra_errors import one_line
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import ROLES, Cost, role_of, stage_family
from synth_scaling.core.terminal import say
from synth_scaling.forecast.duration import Rates, duration, flops_of
from synth_scaling.forecast.expected_costs import Assumed, Stage, computed_once, stages_of, total
from synth_scaling.sweep.compose import sweep_of
from synth_scaling.sweep.stored import StoredStages


@dataclass(frozen=True)
class Device:
    """A device's throughput. Peak: NVIDIA's data sheet of the H100 SXM, bfloat16, dense. All else is ours: shares of
    it as commonly reported of training and of sampling at large batches, and a guess at how long `gpus` of them wait
    while a stage's engine or trainer starts. Nothing was measured on a GPU."""

    flops_per_second: float = 989e12
    share_of_peak_training: float = 0.4
    share_of_peak_sampling: float = 0.1
    start_seconds: float = 60.0
    gpus: float = 1

    title = "GPU hours"

    def hours_of(self, stages: Sequence[Stage]) -> float:
        """GPU hours of computing stages, without starts."""
        return self.hours(total(stages))

    def closing(self, configs: Sequence[Config], once: Sequence[Stage]) -> Iterable[str]:
        """Lines after the table: all GPU hours, and what they rest on."""
        starts = len(once) - len([stage for stage in once if stage.name == "base"])
        yield f"with {starts} starts: {self.hours(total(once), starts):.3g} GPU hours"
        yield _values("device", self)

    def hours(self, cost: Cost, starts: int = 0) -> float:
        """GPU hours of the work itself and of `starts` of a trainer or engine."""
        work = cost.flops_training / self.share_of_peak_training + cost.flops_sampling / self.share_of_peak_sampling
        return (work / self.flops_per_second + starts * self.start_seconds * self.gpus) / 3600


class CPU:
    """Workers on a CPU, as fast as in stages of similar size: of this store, else of two measured cores."""

    title = "CPU hours"

    def __init__(self, store: Path, workers: int) -> None:
        self.store, self.rates, self.workers = store, Rates(store), workers

    def hours_of(self, stages: Sequence[Stage]) -> float:
        """Hours of one worker; infinite if no stage of similar size was measured."""
        return sum(self._seconds(stage)[0] for stage in stages) / 3600

    def closing(self, configs: Sequence[Config], once: Sequence[Stage]) -> Iterable[str]:
        """Lines after the table: the duration with all workers, and what it rests on."""
        stored = StoredStages(self.store, exact=False)
        bases = {stage.key for c in configs if stored.has_base(c) for stage in stages_of(c) if stage.name == "base"}
        rest = [stage for stage in once if stage.key not in bases]
        hours = self.hours_of(rest)
        if math.isinf(hours):
            yield "no duration: no stage of similar size was measured on a CPU"
            return
        workers = min(self.workers, len(configs))
        many = "worker" if workers == 1 else "workers"
        line = f"{duration(3600 * hours / workers)} with {workers} {many} on a CPU"
        if bases:
            line += ", without the base, which is stored"
        yield line + ("; rates measured on two CPU cores" if any(self._seconds(stage)[1] for stage in rest) else "")

    def _seconds(self, stage: Stage) -> tuple[float, bool]:
        return self.rates.seconds(role_of(stage.name).kind, flops_of(stage))


def estimate(configs: Sequence[Config], assumed: Assumed, device: Device | CPU) -> Iterable[str]:
    """Lines of a table: one line per kind of stage, shared stages counted once, and their sum."""
    once = computed_once(configs, assumed)
    asked = sum(len(stages_of(config, assumed)) for config in configs)
    yield f"{configs[0].sweep}: {len(configs)} runs, {len(once)} stages to compute for {asked} requests"
    yield f"{'stage':18}{'made':>7}{'tokens trained':>17}{'tokens sampled':>17}{'FLOPs':>11}{device.title:>11}"
    for name in [*ROLES, "all"]:
        if not (stages := _named(name, once)):
            continue
        cost = total(stages)
        flops = cost.flops_training + cost.flops_sampling
        yield (
            f"{name:18}{len(stages):7d}{cost.tokens_trained:17,d}{cost.tokens_sampled:17,d}{flops:11.2e}"
            f"{device.hours_of(stages):11.3g}"
        )
    yield from device.closing(configs, once)
    yield _values("assumed", assumed)


def _values(name: str, options: Assumed | Device) -> str:
    return f"{name}: " + ", ".join(f"{f.name} {getattr(options, f.name):g}" for f in fields(options))


def compare(configs: Sequence[Config], assumed: Assumed, results: Path) -> Iterable[str]:
    """Estimated over measured cost in the rows of `results`, one line per kind of stage. Raises ValueError without."""
    sweep = configs[0].sweep
    rows = [row for row in _rows(results) if row["sweep"] == sweep]
    if not rows:
        raise ValueError(f"{results}: no row of sweep {sweep}")
    spent: dict[str, Stage] = {}
    for row in rows:
        for name, cost in row["costs"].items():
            spent.setdefault(row["hashes"][name], Stage(name, row["hashes"][name], Cost(**cost)))
    names = {stage_family(stage.name): None for stage in spent.values()}
    # Rows of runs without certificates are compared with an estimate without.
    measured = {kind for kind in ROLES if ROLES[kind].kind != "certificate"} | names.keys()
    once = [stage for stage in computed_once(configs, assumed) if stage_family(stage.name) in measured]
    yield f"{sweep}: estimate / measured, {len(rows)} of {len(configs)} runs have rows"
    yield f"{'stage':18}{'made':>12}{'tokens trained':>16}{'tokens sampled':>16}{'FLOPs':>8}"
    for name in [*names, "all but base", "all"]:
        guessed, computed = (_named(name, stages) for stages in (once, spent.values()))
        pairs = zip(_amounts(total(guessed)), _amounts(total(computed)), strict=True)
        shown = [f"{guess / spent_amount:.2f}" if spent_amount else "" for guess, spent_amount in pairs]
        yield f"{name:18}{f'{len(guessed)} / {len(computed)}':>12}{shown[0]:>16}{shown[1]:>16}{shown[2]:>8}"


def _named(name: str, stages: Iterable[Stage]) -> list[Stage]:
    """The stages of a name in ROLES, or "all", or "all but base".

    A stage has the name of the first run that needs it: pi_sft there may be initial_policy in another run.
    """
    return [s for s in stages if name in ("all", stage_family(s.name)) or (name == "all but base" and s.name != "base")]


def _amounts(cost: Cost) -> tuple[float, float, float]:
    return cost.tokens_trained, cost.tokens_sampled, cost.flops_training + cost.flops_sampling


def _rows(results: Path) -> list[dict]:
    if (results / "rows.jsonl").exists():
        return [json.loads(line) for line in (results / "rows.jsonl").read_bytes().splitlines()]
    return [json.loads(run.row.read_text()) for run in RunFolder.all_of(results) if run.row.exists()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line for a sweep that cannot be estimated."""
    parser = argparse.ArgumentParser(
        prog="synth-scaling estimate",
        usage="%(prog)s --config-name NAME [--measured FOLDER] [assumptions] [key=value ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config-name", required=True, help="a sweep, or config for a single run")
    parser.add_argument("--config-dir", type=Path, help="where sweeps of your own are")
    parser.add_argument("--measured", type=Path, help="rows of this sweep: a folder of results or of outputs")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    for kind in (Assumed, Device):
        for entry in fields(kind):
            shown = "those of the configuration" if entry.name == "gpus" else f"{entry.default:g}"
            parser.add_argument(f"--{entry.name.replace('_', '-')}", type=float, help=shown)
    options = vars(parser.parse_intermixed_args(arguments))
    given = {name: value for name, value in options.items() if value is not None}
    assumed = Assumed(**{f.name: given[f.name] for f in fields(Assumed) if f.name in given})
    of_device = {f.name: given[f.name] for f in fields(Device) if f.name in given}
    try:
        configs, workers = sweep_of(options["config_name"], options["overrides"], options["config_dir"])
        gpus = max(map(gpus_of, configs))
        device: Device | CPU
        if gpus or of_device:
            device = Device(**{"gpus": gpus or 1, **of_device})
        else:
            device = CPU(Path(configs[0].store), workers)
        lines = list(estimate(configs, assumed, device))
        if options["measured"] is not None:
            lines += ["", *compare(configs, assumed, options["measured"])]
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        say(f"no estimate: {one_line(error)}", file=sys.stderr)
        return 2
    say("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
