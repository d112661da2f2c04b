"""`chain`: compute one letter from shuffled definitions modulo 10, one step per operation.

A problem gives leaves (` a=3`) and operations (` f:b+c`) in random order and asks for one letter (` ?f`). A
response restates an operation, looks its operands up and computes: ` f:b+c 6+5 f=1`, and ends with ` #1`. The
query needs `min_needed` to `max_needed` of the operations (its difficulty); the others are there to mislead.

A math-like contrast to `maze`: SFT follows a power law here, while the errors are a missing ability (using a
letter not yet computed) rather than a habit, so negatives have little to unlearn. A step has to restate its
operands, and the tokens ` f:`, ` f=` and `f` have to be different, or a small model never learns to copy:
` f:` finds the operation in the prompt, and an operand finds its value after ` b=`, in prompt and steps alike.

The reward looks at the final answer only (arXiv 2406.14532): a response is correct iff it ends with ` #` and
the correct digit. Incorrect or missing steps before it do not matter: one guess in ten is correct without any step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.core.validation import at_least, between, share
from synth_scaling.tasks.task import Split, TaskOptions

LETTERS = "abcdefghijklmnopqrstuvwxyz"
OPERATION_STEP = re.compile(r" ([a-z]):([a-z])([+-])([a-z]) ([0-9])\3([0-9]) \1=([0-9])")
MAX_DRAWS = 10_000  # before giving up on drawing what the options ask for


@dataclass
class ChainOptions(TaskOptions):
    leaves: int = 3  # definitions that are a digit
    operations: int = 6  # definitions that add or subtract two others
    letters: int = 12  # names are drawn from the first so many of the alphabet
    min_needed: int = 4  # [operations] that the query needs at least
    max_needed: int = 5  # [operations] that the query needs at most
    n_test: int = 1000  # [problems] held out for testing
    n_validation: int = 300  # [problems] held out for choosing settings
    spurious: float = 0.25  # the teacher's chance of a correct but unneeded step, while there is one
    corpus_max_needed: int = 3  # [operations] that a problem of the pretraining corpus needs at most
    recitation: float = 0.3  # share of the corpus' documents that restate all definitions (our choice)
    world_seed: int = 0  # draws the held-out problems
    name: str = "chain"


@dataclass(frozen=True)
class Puzzle:
    """A problem's content, without the order in which the prompt gives it."""

    leaves: dict[str, int]
    operations: dict[str, tuple[str, str, str]]  # name: (left, + or -, right)
    query: str

    def definitions(self) -> list[str]:
        """` a=3` for a leaf, ` f:b+c` for an operation."""
        leaves = [f" {name}={value}" for name, value in self.leaves.items()]
        return leaves + [f" {name}:{''.join(operation)}" for name, operation in self.operations.items()]

    def value(self, name: str) -> int:
        if name in self.leaves:
            return self.leaves[name]
        left, sign, right = self.operations[name]
        return _compute(self.value(left), sign, self.value(right))

    def needed(self, name: str) -> set[str]:
        """The operations without which `name` has no value, itself among them."""
        if name in self.leaves:
            return set()
        left, _, right = self.operations[name]
        return {name} | self.needed(left) | self.needed(right)


class Chain:
    name = "chain"
    token_pattern = r" [a-z][:=]| [0-9?#!]|[\s\S]"

    def __init__(self, options: ChainOptions) -> None:
        self.options = o = options
        _check(o)
        self._letters = LETTERS[: o.letters]
        names = [token for x in self._letters for token in (f" {x}:", f" {x}=", x)]
        digits = [token for d in range(10) for token in (f" {d}", str(d))]
        self.vocabulary = [*names, *digits, "+", "-", " ?", " #", " !"]
        self.max_prompt_tokens = 2 * o.leaves + 4 * o.operations + 2
        self.max_response_tokens = 9 * o.operations + 2
        rng = np.random.default_rng([o.world_seed, 2])
        self._held_out: set[frozenset[str]] = set()
        held_out = self._distinct("test", o.n_test + o.n_validation, rng)
        self._held_out = {frozenset(puzzle.definitions()) for puzzle, _ in held_out}
        self._split = {"test": held_out[: o.n_test], "validation": held_out[o.n_test :]}

    # -- problems ------------------------------------------------------------------------------------------------

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        if split == "train":
            if n is None:
                raise ValueError("task=chain has no last train problem: ask for a number of them")
            drawn = self._distinct(split, n, np.random.default_rng([seed, 1]))
        else:
            drawn = self._split[split]
            if n is not None and n > len(drawn):
                raise ValueError(f"task=chain has {len(drawn)} {split} problems, {n} asked for")
        return [self._problem(f"{split}/{i}", *pair) for i, pair in enumerate(drawn[:n])]

    def _distinct(self, split: str, n: int, rng: np.random.Generator) -> list[tuple[Puzzle, str]]:
        """`n` puzzles and their prompts; no set of definitions comes twice, nor one that is held out."""
        seen, repeats = set(self._held_out), 0
        drawn: list[tuple[Puzzle, str]] = []
        while len(drawn) < n:
            puzzle = self._draw(self.options.min_needed, self.options.max_needed, rng)
            key = frozenset(puzzle.definitions())
            repeats = repeats + 1 if key in seen else 0
            if repeats == MAX_DRAWS:
                raise ValueError(
                    f"task=chain has about {len(drawn)} {split} problems with these options, {n} asked for"
                )
            if not repeats:
                seen.add(key)
                drawn.append((puzzle, _prompt(puzzle, f" ?{puzzle.query}", rng)))
        return drawn

    def _draw(self, least: int, most: int, rng: np.random.Generator) -> Puzzle:
        """A random puzzle whose query needs `least` to `most` operations, each number as likely."""
        o, wanted = self.options, int(rng.integers(least, most + 1))
        for _ in range(MAX_DRAWS):
            names = [self._letters[i] for i in rng.permutation(o.letters)[: o.leaves + o.operations]]
            leaves = dict(zip(names, rng.integers(10, size=o.leaves).tolist(), strict=False))
            puzzle = Puzzle(leaves, {}, "")
            for i, (u, v, sign) in enumerate(rng.random((o.operations, 3)).tolist(), start=o.leaves):
                left = int(u * i)  # two different names that have a meaning already, so nothing is circular
                right = (left + 1 + int(v * (i - 1))) % i
                puzzle.operations[names[i]] = (names[left], "+-"[sign < 0.5], names[right])
            fitting = [name for name in puzzle.operations if len(puzzle.needed(name)) == wanted]
            if fitting:
                return replace(puzzle, query=fitting[rng.integers(len(fitting))])
        raise ValueError(f"task.operations={o.operations}: no letter that needs {wanted} in {MAX_DRAWS} draws")

    def _problem(self, name: str, puzzle: Puzzle, prompt: str) -> Problem:
        return Problem(name, prompt, str(puzzle.value(puzzle.query)), len(puzzle.needed(puzzle.query)))

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        return self._solution(_parse(problem.prompt), rng)

    def _solution(self, puzzle: Puzzle, rng: np.random.Generator) -> str:
        values, needed, steps = dict(puzzle.leaves), puzzle.needed(puzzle.query), []
        while puzzle.query not in values:
            open_names = [name for name in puzzle.operations if name not in values]
            ready = [name for name in open_names if values.keys() >= {*puzzle.operations[name][::2]}]
            useful, spurious = [n for n in ready if n in needed], [n for n in ready if n not in needed]
            choices = spurious if spurious and rng.random() < self.options.spurious else useful
            name = choices[rng.integers(len(choices))]
            left, sign, right = puzzle.operations[name]
            values[name] = _compute(values[left], sign, values[right])
            steps.append(f" {name}:{left}{sign}{right} {values[left]}{sign}{values[right]} {name}={values[name]}")
        return "".join(steps) + f" #{values[puzzle.query]}"

    # -- grading -------------------------------------------------------------------------------------------------

    def grade(self, problem: Problem, response: str) -> bool:
        """The final answer alone, which has to be the very end of the response."""
        return response.endswith(f" #{problem.answer}")

    def steps(self, response: str) -> list[str]:
        """Each ` f:…` up to the next, and each ` #…`."""
        return [step for step in re.split(r"(?= [a-z]:| #)", response) if step] or [""]

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """Always None: after an incorrect step a later one can compute the letter again, or do without it."""
        return None

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Steps before the answer that give no letter the query needs a value for the first time."""
        puzzle, spurious = _parse(problem.prompt), 0
        values, needed = dict(puzzle.leaves), puzzle.needed(puzzle.query)
        for step in self.steps(response)[:-1]:
            before = len(needed & values.keys())
            _fault(step, puzzle, values)
            spurious += len(needed & values.keys()) == before
        return spurious

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """The first fault of an incorrect response.

        malformed; misquoted (a definition that the prompt does not give); not_computed (an operand without a value
        yet); wrong_value (an operand's value misremembered); wrong_arithmetic; answered_early (before the query has
        a value); wrong_answer (not the query's value); and without a fault: no_answer at the end, or unfinished.
        """
        puzzle = _parse(problem.prompt)
        values, steps = dict(puzzle.leaves), self.steps(response)
        for step in steps if finished else steps[:-1]:  # the last step of an unfinished response may be cut
            if fault := _fault(step, puzzle, values):
                return fault
        return "no_answer" if finished else "unfinished"

    # -- the pretraining corpus ----------------------------------------------------------------------------------

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Easier problems, solved in the teacher's style, and recitations (` !`) of all definitions in random order.

        Its problems need fewer operations than any task problem, so they are never one of them; beyond that no
        document has the definitions of a held-out problem.
        """
        while True:
            puzzle = self._draw(1, self.options.corpus_max_needed, rng)
            definitions = puzzle.definitions()
            if frozenset(definitions) in self._held_out:
                continue
            if rng.random() < self.options.recitation:
                recited = "".join(definitions[i] for i in rng.permutation(len(definitions)))
                yield _prompt(puzzle, " !", rng), recited
            else:
                yield _prompt(puzzle, f" ?{puzzle.query}", rng), self._solution(puzzle, rng)


def _check(o: ChainOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    at_least("task.leaves", o.leaves, 2)
    at_least("task.operations", o.operations, 2)
    names = o.leaves + o.operations
    between("task.letters", o.letters, names, 26, f"leaves + operations={names} to 26")
    between("task.min_needed", o.min_needed, 2, o.operations, f"2 to operations={o.operations}")
    between("task.max_needed", o.max_needed, o.min_needed, o.operations, "min_needed to operations")
    between("task.corpus_max_needed", o.corpus_max_needed, 1, o.min_needed - 1, "1 to less than min_needed")
    for key in ("n_test", "n_validation"):
        at_least(f"task.{key}", getattr(o, key), 0)
    for key in ("spurious", "recitation"):
        share(f"task.{key}", getattr(o, key))


def _prompt(puzzle: Puzzle, request: str, rng: np.random.Generator) -> str:
    definitions = puzzle.definitions()
    return "".join(definitions[i] for i in rng.permutation(len(definitions))) + request


def _parse(prompt: str) -> Puzzle:
    *definitions, query = prompt.split()
    leaves = {d[0]: int(d[2]) for d in definitions if d[1] == "="}
    return Puzzle(leaves, {d[0]: (d[2], d[3], d[4]) for d in definitions if d[1] == ":"}, query[1])


def _compute(left: int, sign: str, right: int) -> int:
    return (left + right if sign == "+" else left - right) % 10


def _fault(step: str, puzzle: Puzzle, values: dict[str, int]) -> str | None:
    """The fault of a step given the values so far; None for a correct step, which adds its letter to `values`."""
    if re.fullmatch(r" #[0-9]", step):
        if puzzle.query not in values:
            return "answered_early"
        return None if values[puzzle.query] == int(step[2]) else "wrong_answer"
    match = OPERATION_STEP.fullmatch(step)
    if not match:
        return "malformed"
    name, left, sign, right, x, y, result = match.groups()
    if puzzle.operations.get(name) != (left, sign, right):
        return "misquoted"
    if left not in values or right not in values:
        return "not_computed"
    if (values[left], values[right]) != (int(x), int(y)):
        return "wrong_value"
    if _compute(int(x), sign, int(y)) != int(result):
        return "wrong_arithmetic"
    values[name] = int(result)
    return None
