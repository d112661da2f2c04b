"""Predict a sweep's cost: runs, stages, tokens, FLOPs and GPU hours, before it starts and without the models.

examples:
  synth-scaling estimate --config-name paper_gsm8k
  synth-scaling estimate --config-name gsm8k_one_gpu --gpus 1 --start-seconds 20
  synth-scaling estimate --config-name maze_full --measured results/maze_full     # against the measured cost
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.hydra_errors import one_line
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import ROLES, Cost, stage_family
from synth_scaling.forecast.expected_costs import Assumed, Stage, computed_once, stages_of, total
from synth_scaling.sweep.compose import runs_of


@dataclass(frozen=True)
class Device:
    """A device's throughput. Peak: NVIDIA's data sheet of the H100 SXM, bfloat16, dense. All else is ours: shares of
    it as commonly reported of training and of sampling at large batches, and a guess at how long `gpus` of them wait
    while a stage's engine or trainer starts. Nothing was measured on a GPU."""

    flops_per_second: float = 989e12
    share_of_peak_training: float = 0.4
    share_of_peak_sampling: float = 0.1
    start_seconds: float = 60.0
    gpus: float = 8

    def hours(self, cost: Cost, starts: int = 0) -> float:
        """GPU hours of the work itself and of `starts` of a trainer or engine."""
        work = cost.flops_training / self.share_of_peak_training + cost.flops_sampling / self.share_of_peak_sampling
        return (work / self.flops_per_second + starts * self.start_seconds * self.gpus) / 3600


def estimate(configs: Sequence[Config], assumed: Assumed, device: Device) -> Iterable[str]:
    """Lines of a table: one line per kind of stage, shared stages counted once, and their sum."""
    once = computed_once(configs, assumed)
    asked = sum(len(stages_of(config, assumed)) for config in configs)
    yield f"{configs[0].sweep}: {len(configs)} runs, {len(once)} stages made of {asked} asked for"
    yield f"{'stage':18}{'made':>7}{'tokens trained':>17}{'tokens sampled':>17}{'FLOPs':>11}{'GPU hours':>11}"
    for name in [*ROLES, "all"]:
        if not (stages := _named(name, once)):
            continue
        cost = total(stages)
        flops = cost.flops_training + cost.flops_sampling
        yield (
            f"{name:18}{len(stages):7d}{cost.tokens_trained:17,d}{cost.tokens_sampled:17,d}{flops:11.2e}"
            f"{device.hours(cost):11.3g}"
        )
    starts = len(once) - len([stage for stage in once if stage.name == "base"])
    yield f"with {starts} starts: {device.hours(total(once), starts):.3g} GPU hours"
    for kind in (assumed, device):
        yield f"{type(kind).__name__.lower()}: " + ", ".join(
            f"{f.name} {getattr(kind, f.name):g}" for f in fields(kind)
        )


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
    once = computed_once(configs, assumed)
    yield f"{sweep}: estimate / measured, {len(rows)} of {len(configs)} runs have rows"
    yield f"{'stage':18}{'made':>12}{'tokens trained':>16}{'tokens sampled':>16}{'FLOPs':>8}"
    names = {stage_family(stage.name): None for stage in spent.values()}
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
        return [json.loads(line) for line in (results / "rows.jsonl").read_text().splitlines()]
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
            parser.add_argument(
                f"--{entry.name.replace('_', '-')}", type=float, default=entry.default, help=f"{entry.default:g}"
            )
    options = vars(parser.parse_intermixed_args(arguments))
    assumed = Assumed(**{f.name: options[f.name] for f in fields(Assumed)})
    device = Device(**{f.name: options[f.name] for f in fields(Device)})
    try:
        configs = runs_of(options["config_name"], options["overrides"], options["config_dir"])
        lines = list(estimate(configs, assumed, device))
        if options["measured"] is not None:
            lines += ["", *compare(configs, assumed, options["measured"])]
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        print(f"no estimate: {one_line(error)}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
