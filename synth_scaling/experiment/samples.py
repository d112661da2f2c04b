"""Tables of a run's responses and stages, for its tracker."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

from synth_scaling import credit
from synth_scaling.config.schema import Config
from synth_scaling.core.stage import Cost
from synth_scaling.experiment.pipeline import Outcome
from synth_scaling.tracking.tracker import NoTracker


def log_samples(config: Config, outcome: Outcome, tracker: NoTracker) -> None:
    """Log tables of pi_sft's responses with step values and first errors, of test responses, and of the stages."""
    stages, graded, limit = outcome.stages, outcome.graded, config.tracking.sampled_rows
    rows = []
    for responses, values in (
        (graded.negatives, graded.negative_values),
        (graded.positives, graded.positive_values),
    ):
        for i, response in enumerate(responses[:limit]):
            ends = values[i].ends if values else stages.codec.step_ends(stages.task, response.tokens)
            steps = [stages.codec.decode(response.tokens[a:b]).strip() for a, b in pairwise((0, *ends))]
            q = [f"{v:.2f}" for v in values[i].values] if values else []
            first_error = credit.first_error(values[i].values) if values and not response.reward else None
            if first_error is not None:
                steps[first_error - 1] = f">>{steps[first_error - 1]}<<"
            rows.append([response.problem, response.reward, first_error, " | ".join(steps), " ".join(q)])
    if rows:
        tracker.table("own_responses", ["problem", "reward", "first pit", "steps", "values Q_0..Q_L"], rows)
    problems = {p.id: p for p in outcome.problems}
    test = [[problems[r.problem].prompt, stages.codec.decode(r.tokens), r.reward] for r in outcome.responses[:limit]]
    tracker.table("test_responses", ["prompt", "response", "reward"], test)
    costs = [[name, s.hash, s.made_here, s.seconds, *asdict(s.cost).values()] for name, s in stages.done.items()]
    tracker.table("stages", ["stage", "hash", "made by this run", "seconds", *asdict(Cost())], costs)
