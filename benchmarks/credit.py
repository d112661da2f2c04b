"""Cheaper ways to find first pits, against K = 32 completions of every prefix up to the pit (exhaustive).

    python -m benchmarks.credit [--problems 100] [--seeds 1] [--draws call|request] [--store outputs/store]

On the demo's maze: the negatives of runs of step_dpo, each way with completions of its own. "Agree": the share of
negatives with the pit that the exhaustive search found; how far a second exhaustive search agrees with the first is
the most that can be asked of another. "True": with the maze's own pit. "Tokens": sampled ones, over the exhaustive
search's; "FLOPs": with reading the prompts, once a round. Intervals (95 %) are of a bootstrap over problems. What is in
the store, from `--config-name credit` or from the last time, is not sampled again.

`--draws request` is `engine.seeds=request`: the i-th completion of a prefix is the same in every search. Then "forward"
finds the pits of the exhaustive search and no others, and with `right=32` it comes to the same pairs.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from hydra import compose, initialize_config_dir

from synth_scaling import credit
from synth_scaling.config.load import typed
from synth_scaling.config.schema import register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.core.stage import Cost
from synth_scaling.credit import Adaptive, Bisection, Exhaustive, Search
from synth_scaling.experiment.pipeline import build, teach
from synth_scaling.experiment.stages import Stages
from synth_scaling.experiment.store import Store
from synth_scaling.methods import Graded
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.sampling import selection
from synth_scaling.tasks import make_task
from synth_scaling.tracking.tracker import NoTracker

K, OWN = 32, "negative_values"  # the name of the stage in a run, which seeds it
Named = dict[str, tuple[str, Search]]  # a search with the name of its stage


def forward(right: int) -> tuple[str, Search]:
    """As `credit=forward`: a prefix is dead after K wrong completions, as to the exhaustive search."""
    return OWN, Adaptive(K, 0.0, 0.95, 1, "forward", reuse=False, right=right)


COMMON: Named = {
    "exhaustive": (OWN, Exhaustive(K, stop_at_zero=True)),
    "bisect": (OWN, Bisection(K, reuse=True)),
    "adaptive": (OWN, Adaptive(K, 0.1, 0.95, 1, "halving", reuse=True, right=4)),
    "forward": forward(4),
}
SEARCHES: dict[str, Named] = {
    "call": COMMON
    | {
        "adaptive, forward": (OWN, Adaptive(K, 0.1, 0.95, 1, "forward", reuse=True, right=4)),
        "adaptive, right=1": (OWN, Adaptive(K, 0.1, 0.95, 1, "halving", reuse=True)),
    },
    "request": COMMON | {f"forward, right={right}": forward(right) for right in (8, 16, 32)},
}
AGAIN: Named = {"exhaustive, again": ("again", Exhaustive(K, stop_at_zero=True))}


class Study:
    """The negatives of one run of step_dpo, and their pits by one search or another."""

    def __init__(self, problems: int, seed: int, draws: str, store: Path) -> None:
        """As far as the road of a run goes before its step values."""
        register_schemas()
        with initialize_config_dir(str(configs("conf").resolve()), version_base="1.3"):
            overrides = ["method=step_dpo", f"data.problems={problems}", f"seed={seed}", "tracking=none"]
            overrides.append(f"engine.seeds={draws}")
            c = typed(compose("config", overrides))
        task = make_task(c.task)
        self.stages = stages = Stages(c, Store(store), NoTracker(), task)
        asked, base = task.problems("train", problems, seed), stages.base()
        taught = [y for problem in asked for y in teach(stages, task, problem, 1, seed)]
        few = SFTOptions(epochs=c.rollout_policy.epochs, learning_rate=c.rollout_policy.learning_rate)
        graded = Graded({p.id: stages.codec.encode_prompt(p) for p in asked}, taught)
        self.policy = stages.policy("pi_sft", base, few, build(few, graded, seed))
        self.rollouts = stages.responses("rollouts", self.policy, asked, c.data.rollouts, c.data.temperature)
        self.negatives = selection.negatives(self.rollouts, c.data.negatives, c.data.max_negatives)
        self.ends = [stages.codec.step_ends(task, response.tokens) for response in self.negatives]
        self.problems = {p.id: p for p in asked}
        texts = [(self.problems[r.problem], stages.codec.decode(r.tokens)) for r in self.negatives]
        self.true = [task.true_pit(problem, text) for problem, text in texts]

    def pits(self, name: str, search: Search) -> tuple[np.ndarray, Cost, int]:
        """(negatives,) first pits, what was sampled for them, and in how many rounds."""
        given = (self.problems, self.negatives, self.ends, search, self.rollouts)
        known = self.stages.step_values(name, self.policy, *given)
        values = search.values(self.negatives, self.ends, credit.initial_values(self.rollouts), known)
        stage = self.stages.done[name]
        return (
            np.array([credit.first_error(row.values) for row in values]),
            stage.cost,
            stage.facts["rounds"],
        )


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
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draws", choices=("call", "request"), default="call", help="engine.seeds")
    parser.add_argument("--store", type=Path, default=Path("outputs/store"))
    options = parser.parse_args()
    studies = [Study(options.problems, seed, options.draws, options.store) for seed in range(options.seeds)]
    problems = np.array([f"{i}/{r.problem}" for i, s in enumerate(studies) for r in s.negatives])
    true = np.concatenate([s.true for s in studies])
    print(f"N = {options.problems}, {options.seeds} seed(s): {len(true)} negatives of {len(set(problems))} problems")
    print(f"{'':20}{'agree, %':>20}{'earlier':>9}{'later':>7}{'true, %':>20}{'tokens':>9}{'FLOPs':>8}{'rounds':>8}")
    baseline_law, whole = true, Cost()
    for search, (name, how) in (SEARCHES[options.draws] | AGAIN).items():
        actual = [s.pits(name, how) for s in studies]
        pits, cost = np.concatenate([f[0] for f in actual]), sum((f[1] for f in actual), Cost())
        if search == "exhaustive":
            baseline_law, whole = pits, cost
        early, late = (100 * float(np.mean(sign * (pits - baseline_law) > 0)) for sign in (-1, 1))
        agree, right = share(pits == baseline_law, problems), share(pits == true, problems)
        spent = f"{cost.tokens_sampled / whole.tokens_sampled:9.3f}{cost.flops_sampling / whole.flops_sampling:8.3f}"
        rounds = max(f[2] for f in actual)
        print(f"{search:20}{agree:>20}{early:9.1f}{late:7.1f}{right:>20}{spent}{rounds:8}", flush=True)
    print(f"the exhaustive search sampled {whole.tokens_sampled:,} tokens")


if __name__ == "__main__":
    main()
