"""The pipeline of one run, top-down like Figure 1 of arXiv 2406.14532.

Every call of `stages` reads its result from the store, under the hash of what determines it, or computes it. Two runs
of a sweep that agree up to a line share every stage above it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from synth_scaling import credit
from synth_scaling.config.needed_stages import needed_stages, sample_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.agreement import Agreement, check_agreement, default_bound
from synth_scaling.core.records import PrefixValue, Problem, Response, ResponseValues
from synth_scaling.core.seeds import seed_of
from synth_scaling.core.stage import StageResult, in_round
from synth_scaling.credit.options import search_of
from synth_scaling.data.options import teacher_of
from synth_scaling.data.teacher_file import Teacher, TeacherData
from synth_scaling.experiment.rounds import pooled
from synth_scaling.experiment.stages import Stages
from synth_scaling.experiment.store import Store
from synth_scaling.methods import METHODS, Graded, MethodOptions
from synth_scaling.methods.method import Rows
from synth_scaling.methods.sft import SFTOptions
from synth_scaling.sampling import selection
from synth_scaling.tasks import make_task
from synth_scaling.tracking.tracker import NoTracker

log = logging.getLogger("synth_scaling")


@dataclass(frozen=True)
class Round:
    """One round: the data that its policy was trained on, and the policy's responses to the test problems."""

    graded: Graded
    rows: Rows
    policy: StageResult
    responses: list[Response]  # greedy, one per test problem
    samples: dict[float, list[Response]]  # by temperature, several per test problem


@dataclass(frozen=True)
class Outcome:
    """The results of a run that its result row is computed from. Lists that were not asked for are empty."""

    trained_on: list[Problem]
    problems: list[Problem]  # test problems
    untrained: list[Response]  # greedy responses of the base, one per test problem
    initial: list[Response]  # responses of pi_sft to the test problems, for their difficulty
    rounds: list[Round]  # at least one
    agreements: dict[str, Agreement]  # of sampler and trainer, by the policy that was sampled
    stages: Stages

    @property
    def last(self) -> Round:
        """The round whose policy is the run's."""
        return self.rounds[-1]


def run(config: Config, store: Store, tracker: NoTracker) -> Outcome:
    """Compute one run: D_syn, pi_sft, its responses and their step values, the method's policy, its test error.

    With several rounds, the policy of one takes the place of pi_sft in the next.
    """
    needed = needed_stages(config)
    task = make_task(config.task)
    stages = Stages(config, store, tracker, task)
    method, options, evaluation = METHODS[config.method.name], config.method, config.evaluation

    # Synthetic data D_syn: N problems with the teacher's solutions.
    teacher = teacher_of(config.data, task)
    if isinstance(teacher, TeacherData):
        log.info("%s", teacher)
    problems = teacher.problems("train", config.data.problems, config.seed)
    test_problems = task.problems(evaluation.split, evaluation.problems, 0)  # type: ignore[arg-type]
    base = stages.base()
    taught = Graded(
        prompts={problem.id: stages.codec.encode_prompt(problem) for problem in problems},
        demonstrations=[
            solution
            for problem in problems
            for solution in teach(stages, teacher, problem, config.data.traces, config.seed)
        ],
    )

    # pi_sft: a few epochs on D_syn. Its responses, correct and incorrect, and the value of each of their steps.
    few_epochs = SFTOptions(epochs=config.rollout_policy.epochs, learning_rate=config.rollout_policy.learning_rate)
    few_rows = build(few_epochs, taught, config.seed)
    starts = {"base": base}
    agreements: dict[str, Agreement] = {}
    if "pi_sft" in needed:
        starts["pi_sft"] = pi_sft = stages.policy("pi_sft", base, few_epochs, few_rows)
        if "pi_sft_certificate" in needed:
            t = config.data.temperature
            agreements["pi_sft"] = stages.certificate("pi_sft_certificate", pi_sft, problems, t)

    # References, shared by all methods of this seed: the base before training, and the difficulty of test problems.
    untrained: list[Response] = []
    if "base_evaluation" in needed:
        untrained = stages.responses("base_evaluation", base, test_problems, 1, 0.0)
    initial: list[Response] = []
    if "initial_policy" in needed:
        initial_policy = stages.policy("initial_policy", base, few_epochs, few_rows)
        n = evaluation.difficulty_rollouts
        initial = stages.responses("initial_responses", initial_policy, test_problems, n, 1.0)

    # Rounds of the method: responses of one policy, the training rows made of them, and the policy trained on these.
    sampled: list[Graded] = []
    rounds: list[Round] = []
    for number in range(1, config.rounds.count + 1):
        # A method that uses no responses has no pi_sft, and nothing is sampled.
        sampler, its_name = starts.get("pi_sft", base), "pi_sft"
        if number > 1:
            sampler, its_name = rounds[-1].policy, in_round("policy", number - 1)
        if "reference_logprobs" in method.uses and its_name in agreements:
            # Ratios of probabilities mean something only if the sampler drew from the policy that the trainer knows.
            bound = config.certificate.bound or default_bound((config.engine.dtype, config.trainer.dtype))
            check_agreement(its_name, agreements[its_name], options.name, bound)
        sampled.append(self_generated(config, stages, sampler, problems, taught, number))
        graded = pooled(sampled) if config.rounds.keep == "all" else sampled[-1]
        rows = build(options, graded, config.seed, number)
        start = starts[options.start] if number == 1 else {**starts, "previous": sampler}[config.rounds.start]
        name = in_round("policy", number)
        if number > 1 and not rows:  # for instance no incorrect response is left
            policy = stages.unchanged(name, sampler)
        else:
            policy = stages.policy(name, start, options, rows)
        certificate = in_round("policy_certificate", number)
        if certificate in needed:
            agreements[name] = stages.certificate(certificate, policy, test_problems, evaluation.temperature)
        responses, samples = tested(config, stages, policy, test_problems, number)
        rounds.append(Round(graded, rows, policy, responses, samples))
    assert set(stages.done) == set(needed), f"stages {tuple(stages.done)} in place of {needed}"
    return Outcome(problems, test_problems, untrained, initial, rounds, agreements, stages)


def tested(
    config: Config, stages: Stages, policy: StageResult, problems: list[Problem], number: int
) -> tuple[list[Response], dict[float, list[Response]]]:
    """Greedy responses of a round's policy to the test problems, and its samples by temperature.

    After the last round, the stages wait for other processes: the run is tracked by now, and no longer deferred.
    """
    evaluation, last = config.evaluation, number == config.rounds.count
    responses = stages.responses(in_round("evaluation", number), policy, problems, 1, 0.0, wait=last)
    samples: dict[float, list[Response]] = {}
    for name, t in sample_stages(evaluation, number).items():
        samples[t] = stages.responses(name, policy, problems, evaluation.samples, t, wait=last)
    name = in_round("pass_at_k", number)
    if name in needed_stages(config):
        t, n = evaluation.temperature, max(evaluation.pass_at_k)
        samples[t] = stages.responses(name, policy, problems, n, t, wait=last)
    return responses, samples


def teach(stages: Stages, teacher: Teacher, problem: Problem, traces: int, seed: int) -> list[Response]:
    """Up to `traces` distinct solutions of a problem by the teacher, as the responses -1, -2, ...

    They depend on problem and seed alone, and fewer traces are the first of more. The teacher is asked up to
    8 * `traces` times; one that repeats itself gives fewer solutions.
    """
    solutions: dict[str, None] = {}
    for draw in range(8 * traces if traces > 1 else 1):
        rng = np.random.default_rng([seed, seed_of(problem.id), *([draw] if draw else [])])
        solutions.setdefault(teacher.teacher(problem, rng))
        if len(solutions) == traces:
            break
    assert all(stages.task.grade(problem, solution) for solution in solutions), f"the teacher is incorrect: {problem}"
    return [Response(problem.id, -1 - i, stages.codec.encode(y), True, 1) for i, y in enumerate(solutions)]


def self_generated(
    config: Config,
    stages: Stages,
    policy: StageResult,
    problems: list[Problem],
    graded: Graded,
    number: int = 1,
) -> Graded:
    """`graded` with what the method uses of a policy's responses, sampled in the round `number`.

    That is positives, negatives, their step values and log-probabilities; `policy` is pi_sft in the first round.
    """
    uses = METHODS[config.method.name].uses
    if not uses:
        return graded
    data, options, problem_of = config.data, config.credit, {p.id: p for p in problems}

    # M responses per problem, and V(x) from them.
    rollouts = stages.rollouts(policy, problems, number)
    if data.rollouts_path and "reference_logprobs" in uses:
        log.warning(
            "method=%s takes pi_sft for the policy that sampled the responses; those of %s were sampled elsewhere",
            *(config.method.name, data.rollouts_path),
        )
    initial = credit.initial_values(rollouts)

    # Step values from Monte Carlo rollouts per prefix. A prefix of both correct and incorrect responses has the value
    # that was estimated for the incorrect ones, from more rollouts.
    prefix_values: dict[credit.Prefix, PrefixValue] = {}

    def step_values(name: str, responses: list[Response], search: credit.Search) -> list[ResponseValues]:
        ends = [stages.codec.step_ends(stages.task, response.tokens) for response in responses]
        # Completions count for a policy's values only if that policy sampled them, at the same temperature.
        reusable = rollouts if options.temperature == data.temperature and not data.rollouts_path else []
        estimates = stages.step_values(in_round(name, number), policy, problem_of, responses, ends, search, reusable)
        for prefix, value in estimates.items():
            prefix_values.setdefault(prefix, value)
        return search.values(responses, ends, initial, prefix_values)

    # Negatives: incorrect responses, with values around their first error.
    negatives = selection.negatives(rollouts, data.negatives, data.max_negatives)
    negative_values: list[ResponseValues] = []

    def true_errors() -> list[int | None]:
        texts = ((problem_of[r.problem], stages.codec.decode(r.tokens)) for r in negatives)
        return [stages.task.true_pit(problem, text) for problem, text in texts]

    if "negative_values" in needed_stages(config):
        negative_values = step_values("negative_values", negatives, search_of(options, true_errors))

    # Positives: correct responses, optionally also prefixes with correct completions, with the values of all steps.
    completions = credit.completed(prefix_values.values(), data.rollouts) if options.as_positives else []
    positives = selection.positives([*rollouts, *completions], data.positives)
    positive_values: list[ResponseValues] = []
    if "positive_values" in uses:
        every_step = credit.Exhaustive(options.positive_rollouts, stop_at_zero=False)  # a zero here is chance
        positive_values = step_values("positive_values", positives, every_step)

    positives = positives if "positives" in uses else []
    negatives = negatives if "negatives" in uses else []

    # Log-probabilities under the policy that sampled them, for methods that weight tokens by a ratio.
    logprobs: list[tuple[float, ...]] = []
    if "reference_logprobs" in uses:
        name, responses = in_round("reference_logprobs", number), [*positives, *negatives]
        logprobs = stages.reference_logprobs(name, policy, graded.prompts, responses)

    return replace(
        graded,
        positives=positives,
        negatives=negatives,
        positive_values=positive_values,
        negative_values=negative_values if "negative_values" in uses else [],
        prefix_values=prefix_values,
        positive_logprobs=logprobs[: len(positives)],
        negative_logprobs=logprobs[len(positives) :],
        pass_rates=initial,
    )


def build(options: MethodOptions, graded: Graded, seed: int, number: int = 1) -> Rows:
    """The training rows of the method that `options` belong to, in the round `number`."""
    rng = np.random.default_rng([seed, seed_of(options.name), *([number] if number > 1 else [])])
    return METHODS[options.name].build(graded, options, rng)
