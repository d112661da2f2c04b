"""The result row of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from synth_scaling import credit
from synth_scaling.config.naming import resolved, run_hash
from synth_scaling.config.schema import Config, EvaluationOptions
from synth_scaling.core.metrics import counts, error_of, next_step_agreement, pass_at_k, shares, wilson_interval
from synth_scaling.core.records import Response
from synth_scaling.core.stage import MEASURED, Cost, StageResult, role_of, round_of
from synth_scaling.experiment.degenerate import unfinished
from synth_scaling.experiment.keys import sampling_versions
from synth_scaling.experiment.pipeline import Outcome
from synth_scaling.system.environment import commit


def result_row(config: Config, outcome: Outcome) -> dict[str, Any]:
    """The result row of a run: numbers by name, and dictionaries by the name of a stage.

    `error` is greedy; `sampled_error` is that of `samples` samples per problem at `evaluation.temperature`, and
    `sampled_errors` are those at all temperatures, and `next_step_agreement` tells how sharp the policy is at each.

    `rounds` has an entry per round; every other field describes the policy of the last one.

    `certificate` has the agreement of sampler and trainer (:class:`synth_scaling.core.agreement.Agreement`) for
    each policy that was sampled; empty with certificate.samples=0.

    `tokens_*` and `flops_*` sum the stages between the base model and the policy, as if computed for this run alone:
    without pretraining and evaluation. `cost_total` and `usage_total` sum all stages, each once: the cost of the run
    with an empty store. `seconds` and `usage` of a stage were measured when it was computed, by this run or another.
    `python -m analysis costs` divides the cost of a stage among the runs that share it, by `hashes`.
    """
    last = outcome.last
    tested, wrong = len(last.responses), sum(1 - r.reward for r in last.responses)
    samples = last.samples.get(config.evaluation.temperature, [])
    base_wrong = sum(1 - r.reward for r in outcome.untrained) if outcome.untrained else None
    low, high = wilson_interval(wrong, tested)
    done, task = outcome.stages.done, outcome.stages.task
    spent = [stage.cost for name, stage in done.items() if role_of(name).spent]
    by_hash: dict[str, StageResult] = {}
    for stage in done.values():  # a policy that a round left unchanged costs nothing under its second name
        by_hash.setdefault(stage.hash, stage)
    distinct = list(by_hash.values())
    problems = {p.id: p for p in outcome.problems}
    kinds = [
        task.error_kind(problems[r.problem], outcome.stages.codec.decode(r.tokens), r.finished)
        for r in last.responses
        if not r.reward
    ]
    data = config.data
    return {
        "run": run_hash(config),
        "sweep": config.sweep,
        "figure": config.figure,
        "task": config.task.name,
        "method": config.method.name,
        "label": config.label,
        "seed": config.seed,
        "problems": data.problems,
        "traces": data.traces,
        "demonstrations": len(last.graded.demonstrations),
        "positives": data.positives,
        "negatives": data.negatives,
        "rollouts": data.rollouts,
        "positives_used": len(last.graded.positives),
        "negatives_used": len(last.graded.negatives),
        "training_rows": len(last.rows),
        "tested": tested,
        "wrong": wrong,
        "unfinished": unfinished(last.responses),
        "error": wrong / tested,
        "error_low": low,
        "error_high": high,
        "base_wrong": base_wrong,
        "base_error": None if base_wrong is None else base_wrong / tested,
        "error_kinds": shares(kinds),
        "spurious_share": spurious_share(outcome, last.responses),
        "credit": credit_summary(outcome),
        "samples": len(samples) // tested,
        "sampled_error": error_of(samples) if samples else None,
        "sampled_spurious_share": spurious_share(outcome, samples),
        "sampled_errors": {f"{t:g}": error_of(responses) for t, responses in last.samples.items()},
        "next_step_agreement": {f"{t:g}": _agreement(outcome, responses) for t, responses in last.samples.items()},
        "certificate": {name: asdict(agreement) for name, agreement in outcome.agreements.items()},
        "pass_at_k": {str(k): pass_at_k(samples, k) for k in ks_of(config.evaluation)},
        "rounds": [round_row(config, outcome, number) for number in range(1, len(outcome.rounds) + 1)],
        "tokens_trained": sum(cost.tokens_trained for cost in spent),
        "tokens_sampled": sum(cost.tokens_sampled for cost in spent),
        "flops_training": sum(cost.flops_training for cost in spent),
        "flops_sampling": sum(cost.flops_sampling for cost in spent),
        "seconds": {name: stage.seconds for name, stage in done.items()},
        "facts": {name: dict(stage.facts) for name, stage in done.items()},
        "costs": {name: counted(stage.cost) for name, stage in done.items()},
        "cost_total": counted(sum((stage.cost for stage in distinct), Cost())),
        "usage": {name: measured(stage.cost) for name, stage in done.items()},
        "usage_total": {
            "seconds": sum(stage.seconds for stage in distinct),
            **measured(sum((stage.cost for stage in distinct), Cost())),
        },
        "hashes": {name: stage.hash for name, stage in done.items()},
        "versions": sampling_versions(config.engine.name),
        "commit": commit(),
        "config": {key: value for key, value in resolved(config).items() if key not in ("output", "store")},
    }


def round_row(config: Config, outcome: Outcome, number: int) -> dict[str, Any]:
    """The errors after a round, its amounts of data, and the cost of all rounds up to it, as in :func:`result_row`."""
    after = outcome.rounds[number - 1]
    tested, wrong = len(after.responses), sum(1 - r.reward for r in after.responses)
    samples = after.samples.get(config.evaluation.temperature, [])
    stages = outcome.stages.done.items()
    spent = sum((s.cost for name, s in stages if role_of(name).spent and round_of(name) <= number), Cost())
    return {
        "round": number,
        "wrong": wrong,
        "error": wrong / tested,
        "sampled_error": error_of(samples) if samples else None,
        "pass_at_k": {str(k): pass_at_k(samples, k) for k in ks_of(config.evaluation)},
        "positives_used": len(after.graded.positives),
        "negatives_used": len(after.graded.negatives),
        "training_rows": len(after.rows),
        **{
            key: getattr(spent, key) for key in ("tokens_trained", "tokens_sampled", "flops_training", "flops_sampling")
        },
    }


def ks_of(evaluation: EvaluationOptions) -> list[int]:
    """The k of pass@k: those of the configuration, or powers of two up to the number of samples."""
    return evaluation.pass_at_k or [1 << i for i in range(evaluation.samples.bit_length())]


def counted(cost: Cost) -> dict[str, float]:
    """Tokens and FLOPs of a cost: the same whenever a stage is computed."""
    return {key: value for key, value in asdict(cost).items() if key not in MEASURED}


def measured(cost: Cost) -> dict[str, float]:
    """Device seconds and peak memory of a cost: of the machine and the moment."""
    return {key: getattr(cost, key) for key in MEASURED}


def spurious_share(outcome: Outcome, responses: Sequence[Response]) -> float | None:
    """Share of spurious steps in the correct ones of these responses to test problems.

    None without correct responses, or if the task cannot recognise spurious steps.
    """
    task, codec, problems = outcome.stages.task, outcome.stages.codec, {p.id: p for p in outcome.problems}
    correct = [(problems[r.problem], codec.decode(r.tokens)) for r in responses if r.reward]
    spurious = [task.spurious_steps(problem, text) for problem, text in correct]
    if not correct or None in spurious:
        return None
    return sum(filter(None, spurious)) / sum(len(task.steps(text)) for _, text in correct)


def _agreement(outcome: Outcome, responses: Sequence[Response]) -> float | None:
    """:func:`next_step_agreement` of the correct ones of these responses to test problems."""
    task, codec = outcome.stages.task, outcome.stages.codec
    correct: dict[str, list[list[str]]] = {}
    for response in responses:
        if response.reward:
            correct.setdefault(response.problem, []).append(task.steps(codec.decode(response.tokens)))
    return next_step_agreement(correct)


def credit_summary(outcome: Outcome) -> dict[str, Any] | None:
    """Step values around first errors, positions of first errors, and the share of spurious steps.

    Profiles are lists of [offset from the first error (or from the start), mean Q, count]; `pits`, `true_pits` and
    `pit_errors` (estimated minus true step) are lists of [step, count] over the incorrect responses used. None for a
    method without values of incorrect responses.
    """
    graded, task, codec = outcome.last.graded, outcome.stages.task, outcome.stages.codec
    if not graded.negative_values:
        return None
    problems = {p.id: p for p in outcome.trained_on}
    values = [row.values for row in graded.negative_values]
    first_errors = [credit.first_error(row) or len(row) - 1 for row in values]
    true_errors = [task.true_pit(problems[r.problem], codec.decode(r.tokens)) for r in graded.negatives]
    positive = [row.values for row in graded.positive_values]
    spurious = sum(len(credit.spurious_steps(row)) for row in positive)
    return {
        "negative_profile": credit.mean_values(values, first_errors),
        "positive_profile": credit.mean_values(positive, [0] * len(positive)),
        "pits": counts(first_errors),
        "true_pits": counts([step for step in true_errors if step is not None]),
        "pit_errors": counts(
            [step - true for step, true in zip(first_errors, true_errors, strict=True) if true is not None]
        ),
        "positive_spurious_share": spurious / sum(len(row) - 1 for row in positive) if positive else None,
    }
