"""Step values on a Markov chain whose V, Q and A are known exactly, sampled by a plain-Python engine.

A response is four moves of two tokens each, `r.` (right) or `w.` (wrong), and is right iff at most one is wrong. The
chance of a wrong move is 0.3, or 0.6 after a wrong one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from synth_scaling import credit
from synth_scaling.codec import step_ends
from synth_scaling.records import PrefixValue, Problem, Response, ResponseValues
from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.rollouts import sample_prefix_values, sample_responses

MOVES, END = 4, ""
PROPERTY = settings(max_examples=100)
VALUES = st.lists(st.sampled_from([i / 8 for i in range(9)]), min_size=2, max_size=9)


class TwoLives:
    """The task. Its problems differ by name only."""

    name = "two_lives"
    max_prompt_tokens = 1

    def __init__(self, max_response_tokens: int = 2 * MOVES) -> None:
        self.max_response_tokens = max_response_tokens

    def problems(self, split: str, n: int | None, seed: int) -> list[Problem]:
        return [Problem(f"{split}/{i}", "?", "", MOVES) for i in range(n or 0)]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        return "r." * MOVES

    def grade(self, problem: Problem, response: str) -> bool:
        return response.count("w") <= 1

    def steps(self, response: str) -> list[str]:
        return [response[i : i + 2] for i in range(0, len(response), 2)] or [""]


class Characters:
    """A codec: one token a character."""

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    def encode_prompt(self, problem: Problem) -> tuple[int, ...]:
        return self.encode(problem.prompt)

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def step_ends(self, task: TwoLives, tokens: Sequence[int]) -> tuple[int, ...]:
        text = self.decode(tokens)
        return step_ends(task.steps(text), list(text))


class ChainEngine(Engine):
    """Samples the chain token by token."""

    def __init__(self) -> None:
        self.prompts_seen: list[tuple[int, ...]] = []

    def load(self, checkpoint: Path) -> None:
        raise AssertionError("nothing to load")

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        n: int,
        temperature: float,
        max_tokens: Sequence[int],
        seed: int,
    ) -> list[list[Completion]]:
        rng = np.random.default_rng(seed)
        self.prompts_seen += [tuple(prompt) for prompt in prompts]
        return [
            [self._complete("".join(map(chr, prompt)), limit, rng) for _ in range(n)]
            for prompt, limit in zip(prompts, max_tokens, strict=True)
        ]

    def _complete(self, prompt: str, limit: int, rng: np.random.Generator) -> Completion:
        text = prompt.removeprefix("?")
        before = len(text)
        while (token := next_token(text, rng)) != END:
            if len(text) - before == limit:
                return Completion(tuple(map(ord, text[before:])), False)
            text += token
        return Completion(tuple(map(ord, text[before:])), True)


def wrong_chance(text: str) -> float:
    return 0.6 if text.endswith("w.") else 0.3


def next_token(text: str, rng: np.random.Generator) -> str:
    if text.endswith(("r", "w")):
        return "."
    if len(text) == 2 * MOVES:
        return END
    return "w" if rng.random() < wrong_chance(text) else "r"


@cache
def value(text: str) -> float:
    """V of a prefix that ends with a move, exactly."""
    if len(text) == 2 * MOVES:
        return float(text.count("w") <= 1)
    wrong = wrong_chance(text)
    return wrong * value(text + "w.") + (1 - wrong) * value(text + "r.")


TASK: Any = TwoLives()
CODEC: Any = Characters()  # in place of a checkpoint's tokenizer
PROBLEMS = {problem.id: problem for problem in TASK.problems("train", 1, 0)}
NAME = next(iter(PROBLEMS))
TEXTS = ["".join(moves) for n in range(MOVES) for moves in itertools.product(("r.", "w."), repeat=n)]


def estimates(k: int, seed: int) -> dict[str, float]:
    """The Monte-Carlo value of every inner prefix, the empty one too."""
    prefixes = [(NAME, CODEC.encode(text)) for text in TEXTS]
    rows, _ = sample_prefix_values(ChainEngine(), TASK, CODEC, PROBLEMS, prefixes, 10, k=k, temperature=1.0, seed=seed)
    assert [(row.problem, row.prefix, row.rollouts) for row in rows] == [(*prefix, k) for prefix in prefixes]
    return {CODEC.decode(row.prefix): row.value for row in rows}


def sampled(n: int, seed: int, task: Any = TASK) -> list[Response]:
    problems = list(PROBLEMS.values())
    rows, _ = sample_responses(ChainEngine(), task, CODEC, problems, 10, n=n, temperature=1.0, seed=seed)
    return rows


def valued(responses: Sequence[Response], k: int, seed: int, stop_at_zero: bool = False) -> list[ResponseValues]:
    """The road of the experiment from responses to Q_0..Q_L."""
    ends = [CODEC.step_ends(TASK, response.tokens) for response in responses]
    known = rolled_out(responses, ends, k, seed, stop_at_zero)
    return credit.response_values(responses, ends, credit.initial_values(responses), known)


def rolled_out(
    responses: Sequence[Response], ends: Sequence[Sequence[int]], k: int, seed: int, stop_at_zero: bool
) -> dict[credit.Prefix, PrefixValue]:
    known: dict[credit.Prefix, PrefixValue] = {}
    while prefixes := credit.next_prefixes(responses, ends, known, stop_at_zero):
        assert not known.keys() & {*prefixes} and len({*prefixes}) == len(prefixes)
        rows, _ = sample_prefix_values(
            ChainEngine(), TASK, CODEC, PROBLEMS, prefixes, 10, k=k, temperature=1.0, seed=seed + len(known)
        )
        known |= {(row.problem, row.prefix): row for row in rows}
    return known


# -- estimates against the exact values ----------------------------------------------------------------------------


def test_the_chain_is_what_it_says() -> None:
    assert value("w.w.") == 0.0 and value("w.r.") == pytest.approx(0.49) and value("w.") == pytest.approx(0.4 * 0.49)
    assert value("r.r.r.") == 1.0 and value("r.r.") == pytest.approx(0.7 + 0.3 * 0.4)
    exact = sum(
        np.prod([c if move == "w." else 1 - c for move, c in zip(moves, chances(moves), strict=True)])
        for moves in itertools.product(("r.", "w."), repeat=MOVES)
        if moves.count("w.") <= 1
    )
    assert value("") == pytest.approx(exact)


def chances(moves: Sequence[str]) -> list[float]:
    return [wrong_chance("".join(moves[:i])) for i in range(len(moves))]


@pytest.mark.parametrize("k", [25, 100, 400])
def test_value_estimates_have_the_binomial_error(k: int) -> None:
    """Sum of squared errors over V(1-V)/K against the chi-square law: neither too far off nor too near."""
    open_ends = [text for text in TEXTS if 0.0 < value(text) < 1.0]
    runs = [estimates(k, seed) for seed in range(1600 // k + 4)]
    squares = [
        (run[text] - value(text)) ** 2 * k / (value(text) * (1 - value(text))) for run in runs for text in open_ends
    ]
    low, high = chi2.ppf([1e-4, 1 - 1e-4], len(squares))
    assert low < sum(squares) < high


def test_four_times_the_rollouts_halve_the_error() -> None:
    def rmse(k: int) -> float:
        errors = [run[text] - value(text) for run in (estimates(k, seed) for seed in range(12)) for text in TEXTS]
        return sqrt(np.mean(np.square(errors)))

    # 12 runs of 9 prefixes that can err: an RMSE is known to 1 / sqrt(2 * 108) = 7 %, so 20 % is three sigma.
    expected = sqrt(np.mean([value(text) * (1 - value(text)) for text in TEXTS]))
    assert rmse(25) == pytest.approx(expected / 5, rel=0.2)
    assert rmse(100) == pytest.approx(expected / 10, rel=0.2)


def test_where_nothing_is_left_to_chance_the_estimate_is_exact() -> None:
    found = estimates(16, 0)
    decided = [text for text in TEXTS if value(text) in (0.0, 1.0)]
    assert len(decided) == 6 and all(found[text] == value(text) for text in decided)


def test_initial_value_is_the_mean_of_a_problems_rollouts() -> None:
    rollouts = sampled(1600, seed=3)
    initial = credit.initial_values(rollouts)
    assert initial == {NAME: sum(r.reward for r in rollouts) / 1600}
    assert abs(initial[NAME] - value("")) < 4 * sqrt(value("") * (1 - value("")) / 1600)


@pytest.mark.parametrize("stop_at_zero", [False, True])
def test_advantages_of_the_road_are_those_of_the_chain(stop_at_zero: bool) -> None:
    """With 600 rollouts no prefix that has a value is estimated at 0, so stopping there loses nothing."""
    responses = sampled(600, seed=4)
    for response, row in zip(responses, valued(responses, 600, 5, stop_at_zero), strict=True):
        text = CODEC.decode(response.tokens)
        exact = [value(text[: 2 * i]) for i in range(MOVES + 1)]
        assert row.values[-1] == exact[-1] == response.reward
        assert credit.advantages(row.values) == pytest.approx(np.diff(exact), abs=2 * 4 * 0.5 / sqrt(600))


@pytest.mark.parametrize("stop_at_zero", [False, True])
def test_the_first_pit_of_a_negative_is_where_its_second_life_goes(stop_at_zero: bool) -> None:
    negatives = [response for response in sampled(200, seed=6) if not response.reward]
    assert len(negatives) > 50
    for response, row in zip(negatives, valued(negatives, 64, 7, stop_at_zero), strict=True):
        moves = TASK.steps(CODEC.decode(response.tokens))
        second = [i for i, move in enumerate(moves, start=1) if move == "w."][1]
        assert credit.first_pit(row.values, "lowest") == credit.first_pit(row.values, "first_zero") == second


# -- what is sampled, and what comes back ----------------------------------------------------------------------------


def test_responses_come_in_the_order_of_problems_then_draws_and_are_graded() -> None:
    problems = TASK.problems("train", 3, 0)
    rows, cost = sample_responses(ChainEngine(), TASK, CODEC, problems, 10, n=2, temperature=1.0, seed=0)
    assert [(row.problem, row.sample) for row in rows] == [(p.id, i) for p in problems for i in range(2)]
    assert all(row.finished and row.reward == (CODEC.decode(row.tokens).count("w") <= 1) for row in rows)
    assert cost.tokens_sampled == 6 * 2 * MOVES and cost.flops_sampling == 2 * 10 * (3 + 6 * 2 * MOVES)


def test_a_response_cut_at_the_limit_is_wrong_however_it_reads() -> None:
    short: Any = TwoLives(max_response_tokens=2 * MOVES - 1)
    assert {(row.reward, row.finished, len(row.tokens)) for row in sampled(50, 0, short)} == {(0, False, 2 * MOVES - 1)}
    prefix = (NAME, CODEC.encode("r.r.r."))
    for task, expected in ((TASK, 1.0), (short, 0.0)):
        (row,), _ = sample_prefix_values(
            ChainEngine(), task, CODEC, PROBLEMS, [prefix], 10, k=8, temperature=1.0, seed=1
        )
        assert row.value == expected


def test_correct_completions_are_distinct_and_right_after_their_prefix() -> None:
    prefix = CODEC.encode("w.r.")
    (row,), cost = sample_prefix_values(
        ChainEngine(), TASK, CODEC, PROBLEMS, [(NAME, prefix)], 10, k=64, temperature=1.0, seed=2
    )
    assert row.correct == (CODEC.encode("r.r."),)  # the one right ending, though it was sampled about 31 times
    assert cost.tokens_sampled == 64 * 4 and cost.flops_sampling == 2 * 10 * (1 + 4 + 64 * 4)
    (start,), _ = sample_prefix_values(
        ChainEngine(), TASK, CODEC, PROBLEMS, [(NAME, ())], 10, k=200, temperature=1.0, seed=2
    )
    assert len(set(start.correct)) == len(start.correct) == 5  # none wrong, or one of four
    assert all(TASK.grade(PROBLEMS[NAME], CODEC.decode(tokens)) for tokens in start.correct)


def test_prefixes_are_continued_from_prompt_and_prefix() -> None:
    engine = ChainEngine()
    prefixes = [(NAME, CODEC.encode("w.")), (NAME, CODEC.encode("r.r."))]
    sample_prefix_values(engine, TASK, CODEC, PROBLEMS, prefixes, 10, k=1, temperature=1.0, seed=0)
    assert engine.prompts_seen == [CODEC.encode("?w."), CODEC.encode("?r.r.")]


WORDS = [("a", "r.w.w.r."), ("a", "r.w.r.w."), ("b", "r.w.w.w."), ("a", "r.w.w.w.")]
RESPONSES = [Response(problem, i, CODEC.encode(word), True, 0) for i, (problem, word) in enumerate(WORDS)]
ENDS = [(2, 4, 6, 8)] * 4


def wanted(known: dict[tuple[str, str], float], stop_at_zero: bool) -> list[tuple[str, str]]:
    """What is rolled out next for RESPONSES, as text."""
    rows = {(p, CODEC.encode(text)): PrefixValue(p, CODEC.encode(text), q, 8, ()) for (p, text), q in known.items()}
    prefixes = credit.next_prefixes(RESPONSES, ENDS, rows, stop_at_zero)
    return [(problem, CODEC.decode(prefix)) for problem, prefix in prefixes]


def test_shared_prefixes_are_rolled_out_once() -> None:
    everything = [
        ("a", "r."),
        ("a", "r.w."),
        ("a", "r.w.w."),
        ("a", "r.w.r."),
        ("b", "r."),
        ("b", "r.w."),
        ("b", "r.w.w."),
    ]
    assert wanted({}, stop_at_zero=False) == everything
    assert wanted(dict.fromkeys(everything[:4], 0.0), stop_at_zero=False) == everything[4:]
    assert wanted(dict.fromkeys(everything, 0.0), stop_at_zero=False) == []


def test_stopping_at_zero_goes_step_by_step_and_not_beyond_a_zero() -> None:
    known: dict[tuple[str, str], float] = {}
    rounds = [
        {("a", "r."): 0.5, ("b", "r."): 0.0},  # nothing more is wanted of b
        {("a", "r.w."): 0.25},
        {("a", "r.w.w."): 0.0, ("a", "r.w.r."): 0.5},
        {},
    ]
    for found in rounds:
        assert wanted(known, stop_at_zero=True) == list(found)
        known |= found


@pytest.mark.parametrize("k", [1, 2, 4])
def test_stopping_at_zero_rolls_out_what_has_no_zero_before_it(k: int) -> None:
    responses = sampled(80, seed=8)
    ends = [CODEC.step_ends(TASK, response.tokens) for response in responses]
    known = rolled_out(responses, ends, k, 9, stop_at_zero=True)
    zeros = {prefix for (_, prefix), row in known.items() if row.value == 0.0}
    prefixes = {(r.problem, r.tokens[:end]) for r, stops in zip(responses, ends, strict=True) for end in stops[:-1]}
    assert zeros and known.keys() == {
        (name, prefix)
        for name, prefix in prefixes
        if not any(prefix[:end] in zeros for end in range(2, len(prefix), 2))
    }
    rows = credit.response_values(responses, ends, credit.initial_values(responses), known)
    for response, row in zip(responses, rows, strict=True):  # 0 where nothing was rolled out
        found = [known.get((NAME, response.tokens[:end])) for end in (2, 4, 6)]
        assert row.values[1:] == (*(value.value if value else 0.0 for value in found), response.reward)


def test_a_missing_value_without_a_zero_before_it_is_an_error() -> None:
    row = PrefixValue("a", CODEC.encode("r."), 0.5, 8, ())
    with pytest.raises(KeyError):
        credit.response_values(RESPONSES[:1], ENDS[:1], {"a": 0.5}, {("a", row.prefix): row})


def test_a_response_of_one_step_has_nothing_to_roll_out() -> None:
    response = Response("a", 0, (7, 8), True, 1)
    assert (
        credit.next_prefixes([response], [(2,)], {}, False) == credit.next_prefixes([response], [(2,)], {}, True) == []
    )
    assert credit.response_values([response], [(2,)], {"a": 0.25}, {}) == [ResponseValues(0, (2,), (0.25, 1.0))]


# -- pits, spurious steps, best of k ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "lowest", "first_zero"),
    [
        ((0.5, 0.5, 0.25, 0.0), 3, 3),
        ((0.5, 0.0, 0.0, 0.0), 1, 1),
        ((0.5, 0.5, 0.0, 0.5, 0.0), 2, 2),
        ((0.0, 0.5, 0.0), 2, 2),  # V(x) is no step
        ((0.0, 0.0), 1, 1),
        ((0.5, 0.5, 0.25, 0.75, 0.25), 2, None),  # transformed values need not reach 0
    ],
)
def test_first_pit_by_hand(values: tuple[float, ...], lowest: int, first_zero: int | None) -> None:
    assert credit.first_pit(values, "lowest") == lowest
    assert credit.first_pit(values, "first_zero") == first_zero


@PROPERTY
@given(VALUES, st.integers(1, 6))
def test_first_pit_is_the_first_step_that_is_nowhere_undercut(values: list[float], k: int) -> None:
    pit = credit.first_pit(values)
    assert pit is not None and 1 <= pit < len(values)
    assert all(q > values[pit] for q in values[1:pit]) and all(q >= values[pit] for q in values[pit:])
    assert credit.first_pit(credit.best_of(values, k)) == pit  # best-of-k keeps the order
    zero = credit.first_pit(values, "first_zero")
    assert zero == (pit if values[pit] == 0.0 else None)


def test_mean_values_by_step_and_around_a_pit() -> None:
    values = [(1.0, 0.5, 0.0), (0.5, 0.5, 0.5, 0.0)]
    assert credit.mean_values(values, [0, 0]) == [[0, 0.75, 2], [1, 0.5, 2], [2, 0.25, 2], [3, 0.0, 1]]
    assert credit.mean_values(values, [2, 3]) == [[-3, 0.5, 1], [-2, 0.75, 2], [-1, 0.5, 2], [0, 0.0, 2]]
    assert credit.mean_values([], []) == []


def test_spurious_steps_by_hand() -> None:
    values = (0.5, 0.5, 0.75, 0.25, 0.5, 1.0)
    assert credit.spurious_steps(values) == [1, 3]
    assert credit.spurious_steps(values, -0.25) == [3]
    assert credit.spurious_steps(values, -0.75) == []
    assert credit.spurious_steps(values, 0.25) == [1, 2, 3, 4]


@PROPERTY
@given(VALUES, st.sampled_from([-0.5, -0.25, 0.0]))
def test_spurious_steps_are_those_that_gain_at_most_the_threshold(values: list[float], threshold: float) -> None:
    expected = [i for i in range(1, len(values)) if values[i] - values[i - 1] <= threshold]
    assert credit.spurious_steps(values, threshold) == expected


@PROPERTY
@given(VALUES)
def test_advantages_sum_to_reward_minus_initial_value(values: list[float]) -> None:
    found = credit.advantages(values)
    assert found.shape == (len(values) - 1,)
    assert found.sum() == pytest.approx(values[-1] - values[0])


@PROPERTY
@given(st.floats(0, 1), st.integers(1, 8))
def test_best_of_k_is_the_chance_that_one_of_k_is_right(q: float, k: int) -> None:
    outcomes = itertools.product((1, 0), repeat=k)
    exact = sum(np.prod([q if right else 1 - q for right in outcome]) for outcome in outcomes if any(outcome))
    assert credit.best_of([q, 0.0, 1.0], k) == pytest.approx((exact, 0.0, 1.0))
