"""Responses of a run to read: a table in its folder (`samples.parquet`), and tables of its tracker."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from synth_scaling import credit
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.records import PreferenceRow, Problem, Response, ResponseValues, StepPairRow
from synth_scaling.core.seeds import seed_of
from synth_scaling.core.stage import Cost
from synth_scaling.experiment.pipeline import Outcome
from synth_scaling.tasks import Pictured
from synth_scaling.tracking.tracker import NoTracker

EACH = 50  # responses at most, of each of: pi_sft's incorrect, its correct, the policy's incorrect, its correct ones


@dataclass(frozen=True)
class Sample:
    """A response with everything that a reader needs to judge it.

    Attributes:
        policy: "pi_sft" for a response to a train problem, "policy" for a greedy one to a test problem; after several
            rounds "sampler" for the former, which the policy of the last but one sampled.
        sample: its index among the samples of the problem.
        prompt: the problem, without a model's prompt format.
        solution: the teacher's; of a test problem the task's teacher.
        answer: the reference answer.
        difficulty: on the task's scale.
        pass_rate: share of pi_sft's samples of this problem that are correct; None if they were not sampled.
        finished: ended by itself, not by the length limit.
        steps: its L steps; joined they are the response.
        values: Q_0..Q_L, the share of correct completions before the first step and after each; empty without values.
        first_error: the step of the first error by its values, from 1; None without one, or without values.
        true_error: the step of the first error as the task knows it; None where it does not.
        pair_side: "chosen" or "rejected", the side that the response is in a preference pair of the run; "" for none.
        pair_prefix: the steps that both sides of that pair share, after the prompt.
        pair_chosen: the chosen side.
        pair_rejected: the rejected side.
        board: JSON of :class:`synth_scaling.tasks.task.Board`; None for a task without pictures.
        walk: `Walk.places` on that board; empty without one.
        goal: `Walk.goal`.
    """

    policy: str
    problem: str
    sample: int
    prompt: str
    solution: str
    answer: str
    difficulty: int
    pass_rate: float | None
    correct: bool
    finished: bool
    steps: tuple[str, ...]
    values: tuple[float, ...]
    first_error: int | None
    true_error: int | None
    pair_side: str
    pair_prefix: str
    pair_chosen: str
    pair_rejected: str
    board: str | None
    walk: tuple[int | None, ...]
    goal: int | None


# Written even where every value is null, so that all runs' tables have one schema.
TYPES = {
    "pass_rate": pa.float64(),
    "first_error": pa.int64(),
    "true_error": pa.int64(),
    "goal": pa.int64(),
    "board": pa.string(),
    "steps": pa.list_(pa.string()),
    "values": pa.list_(pa.float64()),
    "walk": pa.list_(pa.int64()),
}


def samples_of(outcome: Outcome, each: int = EACH) -> list[Sample]:
    """Up to `each` incorrect and `each` correct responses of pi_sft and of the policy, spread over difficulties."""
    graded, stages = outcome.last.graded, outcome.stages
    pairs = _Pairs(outcome)
    solutions: dict[str, str] = {}
    for response in graded.demonstrations:
        solutions.setdefault(response.problem, stages.codec.decode(response.tokens))
    train = {problem.id: problem for problem in outcome.trained_on}
    test = {problem.id: problem for problem in outcome.problems}
    rates = credit.initial_values(outcome.initial)
    samples = []
    for responses, values in (
        (graded.negatives, graded.negative_values),
        (graded.positives, graded.positive_values),
    ):
        for i in spread(responses, train, each):
            response, problem = responses[i], train[responses[i].problem]
            samples.append(
                _sample(
                    outcome,
                    "pi_sft" if len(outcome.rounds) == 1 else "sampler",
                    problem,
                    response,
                    values[i] if values else None,
                    solutions[problem.id],
                    graded.pass_rates.get(problem.id),
                    pairs.of(response),
                )
            )
    for reward in (0, 1):
        responses = [response for response in outcome.last.responses if response.reward == reward]
        for i in spread(responses, test, each):
            problem = test[responses[i].problem]
            solution = stages.task.teacher(problem, np.random.default_rng([0, seed_of(problem.id)]))
            rate = rates.get(problem.id)
            samples.append(_sample(outcome, "policy", problem, responses[i], None, solution, rate, NO_PAIR))
    return samples


def spread(responses: Sequence[Response], problems: Mapping[str, Problem], n: int) -> list[int]:
    """The indices of up to `n` responses, in order: as many of each difficulty as there are, the first ones of each."""
    places: dict[int, int] = {}
    ranks = []
    for i, response in enumerate(responses):
        difficulty = problems[response.problem].difficulty
        places[difficulty] = places.get(difficulty, -1) + 1
        ranks.append((places[difficulty], difficulty, i))
    return sorted(i for *_, i in sorted(ranks)[:n])


def _sample(
    outcome: Outcome,
    policy: str,
    problem: Problem,
    response: Response,
    values: ResponseValues | None,
    solution: str,
    pass_rate: float | None,
    pair: tuple[str, str, str, str],
) -> Sample:
    task, codec = outcome.stages.task, outcome.stages.codec
    text = codec.decode(response.tokens)
    ends = values.ends if values else codec.step_ends(task, response.tokens)
    drawn: tuple[str | None, tuple[int | None, ...], int | None] = (None, (), None)
    if isinstance(task, Pictured):
        walk = task.walk(problem, text)
        drawn = (json.dumps(asdict(task.board(problem))), walk.places, walk.goal)
    return Sample(
        policy,
        problem.id,
        response.sample,
        problem.prompt,
        solution,
        problem.answer,
        problem.difficulty,
        pass_rate,
        bool(response.reward),
        response.finished,
        tuple(codec.decode(response.tokens[a:b]) for a, b in pairwise((0, *ends))),
        values.values if values else (),
        credit.first_error(values.values) if values and not response.reward else None,
        None if response.reward else task.true_pit(problem, text),
        *pair,
        *drawn,
    )


NO_PAIR = ("", "", "", "")


class _Pairs:
    """The preference pairs of a run, found by a response that is one of their sides."""

    def __init__(self, outcome: Outcome) -> None:
        self.prompts, self.codec, self.task = outcome.last.graded.prompts, outcome.stages.codec, outcome.stages.task
        # By the tokens of prompt and side, and whether the side ends: another response may begin with the same tokens.
        self.rejected: dict[tuple[tuple[int, ...], bool], PreferenceRow | StepPairRow] = {}
        self.chosen: dict[tuple[tuple[int, ...], bool], PreferenceRow | StepPairRow] = {}
        for row in outcome.last.rows:
            if isinstance(row, PreferenceRow | StepPairRow):
                self.rejected.setdefault((row.prompt + row.rejected, row.rejected_ends), row)
                self.chosen.setdefault((row.prompt + row.chosen, row.chosen_ends), row)

    def of(self, response: Response) -> tuple[str, str, str, str]:
        """Side, shared steps, chosen and rejected side of the first pair with this response; all empty without one."""
        if not self.rejected:
            return NO_PAIR
        prompt, tokens = self.prompts[response.problem], response.tokens
        if response.reward:
            rows = [("chosen", self.chosen.get((prompt + tokens, response.finished)))]
        else:  # a per-step pair rejects a part of the response that ends with a step
            cuts = [(end, response.finished and end == len(tokens)) for end in self.codec.step_ends(self.task, tokens)]
            rows = [("rejected", self.rejected.get((prompt + tokens[:cut], ends))) for cut, ends in cuts]
        for side, row in rows:
            if row is not None and len(row.prompt) >= len(prompt):
                prefix, decode = row.prompt[len(prompt) :], self.codec.decode
                return side, decode(prefix), decode(row.chosen), decode(row.rejected)
        return NO_PAIR


def write_samples(outcome: Outcome, folder: RunFolder) -> None:
    """Write `samples.parquet`, a row per sample."""
    samples = samples_of(outcome)
    columns = {
        field.name: pa.array([_plain(getattr(sample, field.name)) for sample in samples], TYPES.get(field.name))
        for field in fields(Sample)
    }
    pq.write_table(pa.table(columns), folder.samples, compression="zstd")


def _plain(value: object) -> object:
    """Texts as UTF-8 can hold them: a lone surrogate of a data file is written as an escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


OWN_RESPONSES = ["problem", "prompt", "reward", "first pit", "steps", "values Q_0..Q_L"]


def log_samples(config: Config, outcome: Outcome, tracker: NoTracker) -> None:
    """Log tables of pi_sft's responses with step values and first errors, of test responses, and of the stages."""
    stages, limit = outcome.stages, config.tracking.sampled_rows
    rows = [_logged(sample) for sample in samples_of(outcome, limit) if sample.policy != "policy"]
    if rows:
        tracker.table("own_responses", OWN_RESPONSES, rows)
    problems = {p.id: p for p in outcome.problems}
    test = [
        [problems[r.problem].prompt, stages.codec.decode(r.tokens), r.reward] for r in outcome.last.responses[:limit]
    ]
    tracker.table("test_responses", ["prompt", "response", "reward"], test)
    costs = [[name, s.hash, s.made_here, s.seconds, *asdict(s.cost).values()] for name, s in stages.done.items()]
    tracker.table("stages", ["stage", "hash", "made by this run", "seconds", *asdict(Cost())], costs)


def _logged(sample: Sample) -> list[object]:
    steps = [step.strip() for step in sample.steps]
    if sample.first_error is not None:
        steps[sample.first_error - 1] = f">>{steps[sample.first_error - 1]}<<"
    values = " ".join(f"{value:.2f}" for value in sample.values)
    return [sample.problem, sample.prompt, int(sample.correct), sample.first_error, " | ".join(steps), values]
