"""The promises of :class:`synth_scaling.tasks.Task`, checked on one task."""

from __future__ import annotations

import itertools
import re
from dataclasses import is_dataclass

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.tasks import TASKS, EmbeddedTask, Split, Task, TaskOptions, grade_all

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
GARBAGE = ("", " ", "\n", "no answer", "#### ", "\x00é☃", "1" * 300)
DOCUMENTS = 200  # of the corpus


def check_task(options: TaskOptions, problems: int = 50) -> None:
    """Check the task with these options on `problems` train problems and on its held-out ones.

    Checked: problem ids and prompts, nested and disjoint splits, the same problems and solutions from the same seeds,
    the teacher's grade, steps that join to the response, grading and naming of errors for arbitrary text, lengths, and
    for an embedded task the vocabulary and a corpus without held-out problems. Raises AssertionError.
    """
    assert is_dataclass(options) and isinstance(options, TaskOptions), "options: not a dataclass of TaskOptions"
    assert options.name in TASKS, f"options.name={options.name}: no task of this name is registered"
    kind, options_kind = TASKS[options.name]
    assert type(options) is options_kind, f"options: TASKS[{options.name!r}] has {options_kind.__name__}"
    task, again = kind(options), kind(options)
    assert task.name == options.name, f"name={task.name}: differs from the options' name {options.name}"
    train, held_out = _check_problems(task, again, problems)
    solutions = _check_teacher(task, again, [*train, *held_out[:problems]])
    _check_responses(task, solutions, options.knows_first_errors)
    if isinstance(task, EmbeddedTask):
        _check_embedded(task, solutions, held_out)


def _check_problems(task: Task, again: Task, n: int) -> tuple[list[Problem], list[Problem]]:
    train = task.problems("train", n, 0)
    assert len(train) == n, f"problems('train', {n}, 0): {len(train)} problems"
    assert train == again.problems("train", n, 0), "problems('train', n, 0): differ between two objects of the task"
    assert task.problems("train", n // 2, 0) == train[: n // 2], "problems('train', n, 0): not the first n of one order"
    assert task.problems("train", n, 1) != train, "problems('train', n, seed): do not depend on the seed"
    held_out: list[Problem] = []
    for split in SPLITS[1:]:
        every = task.problems(split, None, 0)
        assert every == task.problems(split, None, 7), f"problems({split!r}, None, seed): depend on the seed"
        assert task.problems(split, min(2, len(every)), 0) == every[:2], f"problems({split!r}, 2, 0): not the first two"
        try:
            task.problems(split, len(every) + 1, 0)
        except ValueError:
            pass
        else:
            raise AssertionError(f"problems({split!r}, {len(every) + 1}, 0): ValueError expected, it has {len(every)}")
        held_out += every
    assert any(problem.id.startswith("test/") for problem in held_out), "problems('test', None, 0): no ids test/..."
    prompts = [{p.prompt for p in group} for group in (train, held_out)]
    assert len(prompts[0]) == n, "problems('train', n, 0): a prompt comes twice"
    assert not prompts[0] & prompts[1], f"splits share a problem: {min(prompts[0] & prompts[1])!r}"
    ids = [problem.id for problem in [*train, *held_out]]
    assert len(set(ids)) == len(ids), "Problem.id: not unique"
    for problem in [*train, *held_out]:
        assert isinstance(problem, Problem) and problem.prompt, f"{problem}: not a Problem with a prompt"
        assert isinstance(problem.answer, str) and isinstance(problem.difficulty, int), f"{problem}: wrong field types"
    return train, held_out


def _check_teacher(task: Task, again: Task, problems: list[Problem]) -> list[tuple[Problem, str]]:
    for split in SPLITS:  # a teacher may know only the problems that were asked for
        again.problems(split, len(problems) if split == "train" else None, 0)
    pairs = []
    for i, problem in enumerate(problems):
        solution = task.teacher(problem, np.random.default_rng(i))
        assert solution == again.teacher(problem, np.random.default_rng(i)), f"teacher({problem.id}): not deterministic"
        steps = task.steps(solution)
        assert "".join(steps) == solution, f"steps({solution!r}): {steps} do not join to the response"
        assert task.grade(problem, solution) is True, f"grade({problem.id}): the teacher's {solution!r} is incorrect"
        pairs.append((problem, solution))
    grades = grade_all(task, pairs).rewards
    assert list(grades) == [True] * len(pairs), "grade_all: differs from grade"
    return pairs


def _check_responses(task: Task, solutions: list[tuple[Problem, str]], knows_first_errors: bool) -> None:
    for problem, solution in solutions:
        half = solution[: len(solution) // 2]
        for text in (solution, half, half + half, *GARBAGE):
            steps = task.steps(text)
            assert steps and "".join(steps) == text, f"steps({text!r}): {steps} do not join to the response"
            correct = task.grade(problem, text)
            assert correct in (True, False), f"grade({problem.id}, {text!r}): {correct!r} is no bool"
            if correct:
                spurious = task.spurious_steps(problem, text)
                assert spurious is None or 0 <= spurious <= len(steps), f"spurious_steps({text!r}): {spurious}"
            else:
                for finished in (True, False):
                    kind = task.error_kind(problem, text, finished)
                    assert isinstance(kind, str) and re.fullmatch(r"\w+", kind), f"error_kind({text!r}): {kind!r}"
                first = task.true_pit(problem, text)
                assert first is None or 1 <= first <= len(steps), f"true_pit({text!r}): {first} of {len(steps)} steps"
                if knows_first_errors:
                    assert first is not None, f"true_pit({text!r}): None, though the options set knows_first_errors"


def _check_embedded(task: EmbeddedTask, solutions: list[tuple[Problem, str]], held_out: list[Problem]) -> None:
    pattern, words = re.compile(task.token_pattern), set(task.vocabulary)
    assert len(words) == len(task.vocabulary), "vocabulary: a token comes twice"
    texts = [text for problem, solution in solutions for text in (problem.prompt, solution)]
    documents = list(itertools.islice(task.corpus(np.random.default_rng(0)), DOCUMENTS))
    assert len(documents) == DOCUMENTS, f"corpus: ends after {len(documents)} documents; an endless stream is expected"
    again = list(itertools.islice(task.corpus(np.random.default_rng(0)), DOCUMENTS))
    assert documents == again, "corpus: not deterministic for a random generator"
    for text in [*texts, *itertools.chain.from_iterable(documents)]:
        pieces = pattern.findall(text)
        assert "".join(pieces) == text, f"token_pattern: the pieces of {text!r} do not join to it"
        assert set(pieces) <= words, f"vocabulary: lacks {min(set(pieces) - words)!r} of {text!r}"
    for problem, solution in solutions:
        lengths = len(pattern.findall(problem.prompt)), len(pattern.findall(solution))
        assert lengths[0] <= task.max_prompt_tokens, f"max_prompt_tokens: {problem.id} has {lengths[0]}"
        assert lengths[1] <= task.max_response_tokens, f"max_response_tokens: {solution!r} has {lengths[1]}"
    repeated = {problem.prompt for problem in held_out} & {prompt for prompt, _ in documents}
    assert not repeated, f"corpus: has the held-out problem {min(repeated)!r}"
