"""The road of one run, top-down like Figure 1 of arXiv 2406.14532.

Every line that calls `stages` is looked up in the store under the hash of what determines it, or made. Two runs of
a sweep that agree up to a line share everything above it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from synth_scaling import credit
from synth_scaling.config.needed_stages import needed_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.records import NLLRow, PreferenceRow, PrefixValue, Problem, Response, ResponseValues
from synth_scaling.core.stage import StageResult
from synth_scaling.credit.options import search_of
from synth_scaling.data.options import teacher_of
from synth_scaling.data.teacher_file import Teacher, TeacherData
from synth_scaling.experiment.stages import Stages, seed_of
from synth_scaling.experiment.store import Store
from synth_scaling.methods import METHODS, Graded, MethodOptions
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.sampling import selection
from synth_scaling.tasks import make_task
from synth_scaling.tracking.tracker import NoTracker

log = logging.getLogger("synth_scaling")


@dataclass(frozen=True)
class Outcome:
    """What a run comes to, before it is put into a result row."""

    trained_on: list[Problem]
    problems: list[Problem]  # tested on
    responses: list[Response]  # the policy's greedy ones, one a problem
    sampled: list[Response]  # for pass@k; empty unless asked for
    untrained: list[Response]  # the base's greedy ones; empty unless asked for
    initial: list[Response]  # pi_sft's on the test problems, for their difficulty; empty unless asked for
    graded: Graded
    rows: list[NLLRow] | list[PreferenceRow]
    policy: StageResult
    stages: Stages


def run(config: Config, store: Store, tracker: NoTracker) -> Outcome:
    """One run: D_syn, the policy that samples, its responses and their step values, the method's policy, its test."""
    needed, uses = needed_stages(config), METHODS[config.method.name].uses
    task = make_task(config.task)
    stages = Stages(config, store, tracker, task)

    # The data: N problems with their teacher solutions.
    teacher = teacher_of(config.data, task)
    if isinstance(teacher, TeacherData):
        log.info("%s", teacher)
    problems = teacher.problems("train", config.data.problems, config.seed)
    tested = task.problems(config.evaluation.split, config.evaluation.problems, 0)  # type: ignore[arg-type]
    base = stages.base()
    demonstrations = [
        y for problem in problems for y in teach(stages, teacher, problem, config.data.traces, config.seed)
    ]
    graded = Graded({p.id: stages.codec.encode_prompt(p) for p in problems}, demonstrations)

    # The policy's own responses, right and wrong, and what each step of them is worth.
    few_epochs = SFTOptions(epochs=config.rollout_policy.epochs, learning_rate=config.rollout_policy.learning_rate)
    few_rows = build(few_epochs, graded, config.seed)
    if "pi_sft" in needed:
        pi_sft = stages.policy("pi_sft", base, few_epochs, few_rows)
        graded = self_generated(config, stages, pi_sft, problems, graded, uses)

    # What the base does before any training: the same for every method of this seed.
    untrained: list[Response] = []
    if "base_evaluation" in needed:
        untrained = stages.responses("base_evaluation", base, tested, 1, 0.0)

    # How hard the test problems were before the method: the same for every method of this N and seed.
    initial: list[Response] = []
    if "initial_policy" in needed:
        before = stages.policy("initial_policy", base, few_epochs, few_rows)
        initial = stages.responses("initial_responses", before, tested, config.evaluation.difficulty_rollouts, 1.0)

    # The method: rows to train on, and the policy that comes of them.
    rows = build(config.method, graded, config.seed)
    start = base if config.method.start == "base" else pi_sft
    policy = stages.policy("policy", start, config.method, rows)
    store.wait = True  # what follows is this run's own: it is not set aside any more

    # Its test error.
    responses = stages.responses("evaluation", policy, tested, 1, 0.0)
    sampled: list[Response] = []
    if "pass_at_k" in needed:
        n = max(config.evaluation.pass_at_k)
        sampled = stages.responses("pass_at_k", policy, tested, n, config.evaluation.temperature)
    assert tuple(stages.done) == needed, f"stages {tuple(stages.done)} in place of {needed}"
    return Outcome(problems, tested, responses, sampled, untrained, initial, graded, rows, policy, stages)


def teach(stages: Stages, teacher: Teacher, problem: Problem, traces: int, seed: int) -> list[Response]:
    """Up to `traces` distinct solutions of a problem by the teacher, the first ones of one fixed order.

    They depend on the problem and the seed alone. A teacher that repeats itself eight times over has no more.
    """
    solutions: dict[str, None] = {}
    for draw in range(8 * traces if traces > 1 else 1):
        rng = np.random.default_rng([seed, seed_of(problem.id), *([draw] if draw else [])])
        solutions.setdefault(teacher.teacher(problem, rng))
        if len(solutions) == traces:
            break
    assert all(stages.task.grade(problem, solution) for solution in solutions), f"the teacher is wrong: {problem}"
    return [Response(problem.id, -1 - i, stages.codec.encode(y), True, 1) for i, y in enumerate(solutions)]


def self_generated(
    config: Config,
    stages: Stages,
    pi_sft: StageResult,
    problems: list[Problem],
    graded: Graded,
    uses: frozenset[str],
) -> Graded:
    """D_syn with the parts that a method `uses` of: positives, negatives, and the step values of either."""
    if not uses:
        return graded
    data, options, by_id = config.data, config.credit, {p.id: p for p in problems}
    rollouts = stages.rollouts(pi_sft, problems)
    initial = credit.initial_values(rollouts)
    negatives = selection.negatives(rollouts, data.negatives, data.max_negatives)

    prefix_values: dict[credit.Prefix, PrefixValue] = {}

    def step_values(name: str, responses: list[Response], search: credit.Search) -> list[ResponseValues]:
        ends = [stages.codec.step_ends(stages.task, response.tokens) for response in responses]
        seen = rollouts if options.temperature == data.temperature else []
        for prefix, value in stages.step_values(name, pi_sft, by_id, responses, ends, search, seen).items():
            prefix_values.setdefault(prefix, value)  # one that right and wrong responses share: from more rollouts
        return search.values(responses, ends, initial, prefix_values)

    values: dict[str, list[ResponseValues]] = {}
    if "negative_values" in needed_stages(config):
        values["negative_values"] = step_values("negative_values", negatives, search_of(options))
    right = credit.completed(prefix_values.values(), data.rollouts) if options.as_positives else []
    positives = selection.positives([*rollouts, *right], data.positives)
    if "positive_values" in uses:  # a zero there is chance: what follows counts
        every_step = credit.Exhaustive(options.positive_rollouts, stop_at_zero=False)
        values["positive_values"] = step_values("positive_values", positives, every_step)
    return Graded(
        graded.prompts,
        graded.demonstrations,
        positives if "positives" in uses else [],
        negatives if "negatives" in uses else [],
        prefix_values=prefix_values,
        **{name: found for name, found in values.items() if name in uses},
    )


def build(options: MethodOptions, graded: Graded, seed: int) -> list[NLLRow] | list[PreferenceRow]:
    """The training rows of the method that `options` belong to."""
    return METHODS[options.name].build(graded, options, np.random.default_rng([seed, seed_of(options.name)]))
