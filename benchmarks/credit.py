"""Cheaper ways to find first pits, against K = 32 completions of every prefix up to the pit (exhaustive).

    python -m benchmarks.credit [--problems 100] [--seed 0] [--store outputs/store]

On the demo's maze: the negatives of one run of step_dpo, each way with completions of its own. "Agree": the share of
negatives with the pit that the exhaustive search found; how far a second exhaustive search agrees with the first is the
most that can be asked of another. "True": with the maze's own pit. "Tokens": sampled ones, over the exhaustive
search's. The last line gives the adaptive search the exhaustive one's own completions instead. Intervals (95 %) are of
a bootstrap over problems.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from hydra import compose, initialize_config_dir

from synth_scaling import credit, selection
from synth_scaling.cli import configs
from synth_scaling.config import register_schemas, typed
from synth_scaling.credit import Adaptive, Bisection, Draw, Exhaustive, Prefix, Search
from synth_scaling.experiment import build, teach
from synth_scaling.methods import Graded
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.records import Problem, Response
from synth_scaling.sampling.rollouts import sample_completions
from synth_scaling.stages import Stages, seed_of
from synth_scaling.store import StageResult, Store
from synth_scaling.tasks import make_task
from synth_scaling.tracking import NoTracker

K = 32
SEARCHES: dict[str, Search] = {
    "exhaustive, again": Exhaustive(K, stop_at_zero=True),
    "bisect": Bisection(K, reuse=True),
    "adaptive": Adaptive(K, 0.1, 0.95, 1, "forward", reuse=True),
    "adaptive, halving": Adaptive(K, 0.1, 0.95, 1, "halving", reuse=True),
    "adaptive, no reuse": Adaptive(K, 0.1, 0.95, 1, "forward", reuse=False),
    "bisect, no reuse": Bisection(K, reuse=False),
}
UP_TO_K = Adaptive(K, 1e-6, 0.95, 1, "forward", reuse=False)  # so small an epsilon that K ends it


@dataclass(frozen=True)
class Study:
    """The negatives of one run, and what it takes to sample for them."""

    stages: Stages
    policy: StageResult
    problems: dict[str, Problem]
    rollouts: list[Response]
    negatives: list[Response]
    ends: list[tuple[int, ...]]


def study(problems: int, seed: int, store: Path) -> Study:
    """As far as the road of a run goes before its step values."""
    register_schemas()
    with initialize_config_dir(str(configs("conf").resolve()), version_base="1.3"):
        overrides = ["method=step_dpo", f"data.problems={problems}", f"seed={seed}", "tracking=none"]
        c = typed(compose("config", overrides))
    task = make_task(c.task)
    stages = Stages(c, Store(store), NoTracker(), task)
    asked, base = task.problems("train", problems, seed), stages.base()
    taught = [y for problem in asked for y in teach(stages, task, problem, 1, seed)]
    few = SFTOptions(epochs=c.rollout_policy.epochs, learning_rate=c.rollout_policy.learning_rate)
    graded = Graded({p.id: stages.codec.encode_prompt(p) for p in asked}, taught)
    policy = stages.policy("pi_sft", base, few, build(few, graded, seed))
    rollouts = stages.responses("rollouts", policy, asked, c.data.rollouts, c.data.temperature)
    negatives = selection.negatives(rollouts, c.data.negatives, c.data.max_negatives)
    ends = [stages.codec.step_ends(task, response.tokens) for response in negatives]
    return Study(stages, policy, {p.id: p for p in asked}, rollouts, negatives, ends)


Sampler = Callable[[Mapping[Prefix, int], int], list[Draw]]


def fresh(s: Study, name: str) -> Sampler:
    """Completions by the engine, seeded by `name` and the round."""

    def draw(draws: Mapping[Prefix, int], round: int) -> list[Draw]:
        engine, task, codec = s.stages._engine(s.policy), s.stages.task, s.stages.codec
        seed = seed_of(name, round)
        return sample_completions(engine, task, codec, s.problems, draws, 1, temperature=1.0, seed=seed)[0]

    return draw


def replayed(rows: list[Draw]) -> Sampler:
    """Completions that were drawn before, each prefix's in their order."""
    left: dict[Prefix, list[Draw]] = {}
    for row in rows:
        left.setdefault((row.response.problem, row.response.tokens[: row.given]), []).append(row)
    return lambda draws, round: [left[prefix].pop(0) for prefix, n in draws.items() for _ in range(n)]


def pits(s: Study, search: Search, draw: Sampler) -> tuple[np.ndarray, list[Draw], int]:
    """(negatives,) first pits, the completions that it took, and in how many rounds."""
    asked = credit.asked_prefixes(s.negatives, s.ends) if search.reuse else None
    known = credit.from_rollouts(s.rollouts, asked) if asked is not None else {}
    rows: list[Draw] = []
    rounds = 0
    while draws := search.next_draws(s.negatives, s.ends, known):
        new = draw(draws, rounds)
        known, rows, rounds = credit.learned(known, new, asked), rows + new, rounds + 1
    values = search.values(s.negatives, s.ends, credit.initial_values(s.rollouts), known)
    return np.array([credit.first_pit(row.values) for row in values]), rows, rounds


def tokens(rows: list[Draw]) -> int:
    return sum(len(row.response.tokens) - row.given for row in rows)


def share(agree: np.ndarray, problems: np.ndarray) -> str:
    """The share in per cent with its interval, over draws of problems with all their negatives."""
    rng, groups = np.random.default_rng(0), [agree[problems == p] for p in np.unique(problems)]
    right, count = (np.array([f(g) for g in groups]) for f in (np.sum, len))
    drawn = rng.integers(len(groups), size=(2000, len(groups)))
    low, high = np.percentile(right[drawn].sum(1) / count[drawn].sum(1), [2.5, 97.5])
    return f"{100 * agree.mean():5.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=Path("outputs/store"))
    options = parser.parse_args()
    s = study(options.problems, options.seed, options.store)
    task, codec = s.stages.task, s.stages.codec
    true = np.array([task.true_pit(s.problems[r.problem], codec.decode(r.tokens)) for r in s.negatives])
    problems = np.array([r.problem for r in s.negatives])
    yardstick, all_rows, rounds = pits(s, Exhaustive(K, stop_at_zero=True), fresh(s, "exhaustive"))
    whole = tokens(all_rows)
    print(f"N = {options.problems}, seed {options.seed}: {len(s.negatives)} negatives of {len(set(problems))} problems")
    print(f"{'':24}{'agree, %':>20}{'earlier':>9}{'later':>7}{'true, %':>20}{'tokens':>9}{'rounds':>8}")

    def line(name: str, found: np.ndarray, rows: list[Draw], rounds: int) -> None:
        early, late = 100 * (found < yardstick).mean(), 100 * (found > yardstick).mean()
        agree, right = share(found == yardstick, problems), share(found == true, problems)
        print(
            f"{name:24}{agree:>20}{early:9.1f}{late:7.1f}{right:>20}{tokens(rows) / whole:9.3f}{rounds:8}", flush=True
        )

    line("exhaustive", yardstick, all_rows, rounds)
    for name, search in SEARCHES.items():
        line(name, *pits(s, search, fresh(s, name)))
    line("adaptive, replayed", *pits(s, UP_TO_K, replayed(all_rows)))
    print(f"the exhaustive search sampled {whole:,} tokens in {len(all_rows):,} completions")


if __name__ == "__main__":
    main()
