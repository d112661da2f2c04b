"""Every task and method of the package keeps its contract; broken ones are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from synth_scaling.core.records import NLLRow, Problem
from synth_scaling.methods import METHODS, ExpectedData, Graded
from synth_scaling.methods.advantage_weighted import AdvantageWeightedOptions
from synth_scaling.methods.nft import NFTOptions
from synth_scaling.methods.reinforce import ReinforceOptions
from synth_scaling.methods.rft_filtered import RFTFilteredOptions
from synth_scaling.methods.step_dpo import StepDPOOptions
from synth_scaling.methods.step_reinforce import StepReinforceOptions
from synth_scaling.methods.topr import TOPROptions
from synth_scaling.methods.unlikelihood import UnlikelihoodOptions
from synth_scaling.tasks import TASKS, TaskOptions, embedded_tasks
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.testing import check_method, check_task
from tests.support.shared_data import DATA, needs_shared

PROCEDURAL = [*embedded_tasks(), "word_sums", "word_stories"]


@pytest.mark.parametrize("name", PROCEDURAL)
def test_the_procedural_tasks_keep_the_contract(name: str) -> None:
    check_task(TASKS[name][1]())


@needs_shared
def test_gsm8k_keeps_the_contract() -> None:
    check_task(TASKS["gsm8k"][1](path=str(DATA / "gsm8k")))  # type: ignore[call-arg]


def test_gsm_symbolic_keeps_the_contract() -> None:
    pytest.importorskip("reasoning_gym")
    check_task(TASKS["gsm_symbolic"][1](n_test=20, n_validation=10), problems=10)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", METHODS)
def test_the_methods_keep_the_contract(name: str) -> None:
    check_method(METHODS[name])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("step_dpo", StepDPOOptions(rejected="rest", chosen="response", pit="first_zero")),
        ("rft_filtered", RFTFilteredOptions(drop="tokens")),
        ("advantage_weighted", AdvantageWeightedOptions(weight="positive", demonstrations=False)),
        ("reinforce", ReinforceOptions(positive=0.0, demonstrations=0.0)),
        ("topr", TOPROptions(negative=0.0, ratio="token")),
        ("nft", NFTOptions(negative=0.0, weight="odds", demonstrations=0.0)),
        ("step_reinforce", StepReinforceOptions(prover="best_of_k", demonstrations=0.0)),
        ("unlikelihood", UnlikelihoodOptions(pit="first_zero", demonstrations=0.0)),
    ],
)
def test_other_options_keep_it_too(name: str, options: Any) -> None:
    check_method(METHODS[name], options)


@dataclass
class BrokenOptions(TaskOptions):
    name: str = "broken"
    fault: str = ""


class Broken(Maze):
    """A maze with one fault."""

    name = "broken"

    def __init__(self, options: BrokenOptions) -> None:
        super().__init__(MazeOptions(n_test=20, n_validation=20))
        self.fault = options.fault

    def steps(self, response: str) -> list[str]:
        return response.split() or [""] if self.fault == "steps" else super().steps(response)

    def grade(self, problem: Problem, response: str) -> bool:
        return not super().grade(problem, response) if self.fault == "grade" else super().grade(problem, response)

    def problems(self, split: Any, n: int | None, seed: int) -> list[Problem]:
        if self.fault == "splits" and split == "train":
            return super().problems("test", 1, 0) + super().problems(split, (n or 0) - 1, seed)
        if self.fault == "seed" and split == "train":
            seed = 0
        return super().problems(split, n, seed)

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        return super().teacher(problem, np.random.default_rng() if self.fault == "teacher" else rng)

    def corpus(self, rng: np.random.Generator) -> Any:
        return iter([]) if self.fault == "corpus" else super().corpus(rng)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", ""),
        ("steps", "do not join to the response"),
        ("grade", "the teacher's .* is incorrect"),
        ("splits", "splits share a problem"),
        ("seed", "do not depend on the seed"),
        ("teacher", "not deterministic"),
        ("corpus", "ends after 0 documents"),
    ],
)
def test_a_broken_task_is_named(fault: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "broken", (Broken, BrokenOptions))
    if not fault:
        check_task(BrokenOptions())
        return
    with pytest.raises(AssertionError, match=words):
        check_task(BrokenOptions(fault=fault))


def impure(graded: Graded, options: Any, rng: np.random.Generator) -> list[NLLRow]:
    return [NLLRow((1,), (int(np.random.default_rng().integers(1 << 40)),), True)]


def short_weights(graded: Graded, options: Any, rng: np.random.Generator) -> list[NLLRow]:
    return [NLLRow((1,), (2, 3), True, (1.0, 1.0))]


def numpy_ids(graded: Graded, options: Any, rng: np.random.Generator) -> list[NLLRow]:
    return [NLLRow((1,), (np.int64(2),), True)]  # type: ignore[arg-type]


def no_tokens(options: Any, data: ExpectedData) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"build": impure}, "not a function of its generator"),
        ({"build": short_weights}, "weights: 2 for 3 tokens"),
        ({"build": numpy_ids}, "no token ids"),
        ({"build": lambda graded, options, rng: []}, "no rows"),
        ({"objective": "preference"}, "PreferenceOptions go with"),
        ({"objective": "policy"}, "loss: goes with objective policy"),
        ({"objective": "unpaired"}, "UnpairedOptions go with"),
        ({"uses": frozenset({"values"})}, "unknown; allowed are"),
        ({"expected_tokens": no_tokens}, "expected_tokens: 0"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_broken_method_is_named(fault: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_method(replace(METHODS["sft"], **fault))
