"""`collect`: list the wanted items, each once, in any order.

A world in which an incorrect step is informative in itself: there are many correct next steps, and one rule,
checked in the prompt, for the incorrect ones. A problem is a class and `wanted` distinct items out of `items`; a
response lists items, a step is one item. It is correct iff it lists exactly the wanted items, each once. The first
error of a response, its first item that is not or no longer wanted, is known exactly.

With `rule=table` the habits of the corpus are errors, too, and lead to wanted items alone: nothing in the prompt tells
these errors, so that each pair of a class and an item has to be learned by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import comb
from typing import ClassVar

import numpy as np

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import Problem
from synth_scaling.core.validation import ConfigError, at_least, between, one_of, share
from synth_scaling.tasks.task import Split, TaskOptions

CLASSES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RULES = ("prompt", "table")
MAX_REPEATS = 10_000  # draws in a row without a new set of items, before a split counts as exhausted


@dataclass
class CollectOptions(TaskOptions):
    knows_first_errors: ClassVar[bool] = True

    items: int = 20  # item names
    wanted: int = 10  # items per problem
    classes: int = 4  # habits differ between classes; correctness does not depend on the class
    choices: int | None = None  # of the items that are left, so many in prompt order may come next; null: all
    n_test: int = 1000  # [problems] held out for testing
    n_validation: int = 1000  # [problems] held out for choosing settings
    habit_share: float = 0.5  # of (class, last item), those with a habit in the corpus: one fixed next item
    habit_strength: float = 0.5  # how often the habit is followed, whether its item is wanted or not
    random_share: float = 0.02  # of the other steps, those to a random item
    # which steps are errors: "prompt", items that are not or no longer wanted; "table", these and the habits
    rule: str = field(default="prompt", metadata=ADDED)
    world_seed: int = 0  # draws the habits and the held-out problems
    name: str = "collect"


class Collect:
    name = "collect"
    token_pattern = r" ?\S+|\s"

    def __init__(self, options: CollectOptions) -> None:
        self.options = o = options
        _check(o)
        self._names = [f" {i + 1}" for i in range(o.items)]
        self._item = {name: i for i, name in enumerate(self._names)}
        self.vocabulary = [*self._names, *(f" {letter}" for letter in CLASSES[: o.classes]), " :"]
        self.max_prompt_tokens = o.wanted + 2
        self.max_response_tokens = o.wanted + 1  # one item too many is an error that can be seen
        rng = np.random.default_rng([o.world_seed, 2])
        self._habit = self._bad_habits(rng)
        self._held_out: set[frozenset[int]] = set()
        held_out = self._distinct("held-out", o.n_test + o.n_validation, rng)
        self._held_out = {frozenset(items) for _, items in held_out}
        self._split = {"test": held_out[: o.n_test], "validation": held_out[o.n_test :]}

    # -- problems ------------------------------------------------------------------------------------------------

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        """See :class:`synth_scaling.tasks.task.Task`. No set of items comes in two splits, whatever its class."""
        if split == "train":
            if n is None:
                raise ValueError("task=collect: a number of train problems is required")
            drawn = self._distinct("train", n, np.random.default_rng([seed, 1]))
        else:
            drawn = self._split[split]
            if n is not None and n > len(drawn):
                raise ValueError(f"task=collect has {len(drawn)} {split} problems, {n} asked for")
        return [self._problem(f"{split}/{i}", *pair) for i, pair in enumerate(drawn[:n])]

    def _distinct(self, split: str, n: int, rng: np.random.Generator) -> list[tuple[int, list[int]]]:
        """`n` pairs of class and items in prompt order; no set of items comes twice, nor one that is held out."""
        seen, repeats = set(self._held_out), 0
        drawn: list[tuple[int, list[int]]] = []
        while len(drawn) < n:
            group, items = self._draw(rng)
            repeats = repeats + 1 if frozenset(items) in seen else 0
            if repeats == MAX_REPEATS:
                raise ValueError(
                    f"task=collect has about {len(drawn)} {split} problems with these options, {n} asked for"
                )
            if not repeats:
                seen.add(frozenset(items))
                drawn.append((group, items))
        return drawn

    def _draw(self, rng: np.random.Generator) -> tuple[int, list[int]]:
        o = self.options
        return int(rng.integers(o.classes)), rng.permutation(o.items)[: o.wanted].tolist()

    def _problem(self, name: str, group: int, items: list[int]) -> Problem:
        """The difficulty is the number of wanted items after which the class' habit is an error."""
        table = self.options.rule == "table"
        traps = sum(habit >= 0 and (habit in items) == table for habit in self._habit[group, items].tolist())
        answer = " ".join(self._names[item].strip() for item in sorted(items))
        return Problem(name, self._prompt(group, items), answer, traps)

    def _prompt(self, group: int, items: list[int]) -> str:
        return f" {CLASSES[group]}{''.join(self._names[item] for item in items)} :"

    def _wanted(self, problem: Problem) -> list[int]:
        """The items of a problem in prompt order."""
        return [self._item[f" {name}"] for name in problem.prompt.split()[1:-1]]

    def _forbidden(self, problem: Problem) -> list[int]:
        """By item, the one that must not come next although it is wanted; -1 where there is none."""
        if self.options.rule == "prompt":
            return [-1] * self.options.items
        forbidden: list[int] = self._habit[CLASSES.index(problem.prompt.split()[0])].tolist()
        return forbidden

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """The wanted items in a random order that `choices` and `rule` allow."""
        forbidden = self._forbidden(problem)
        left, listed = self._wanted(problem), list[int]()
        while left:
            allowed = [x for x in left[: self.options.choices] if not listed or x != forbidden[listed[-1]]]
            if not allowed:  # the last item is the habit of the one before it: from the start
                left, listed = self._wanted(problem), []
                continue
            listed.append(allowed[rng.integers(len(allowed))])
            left.remove(listed[-1])
        return "".join(self._names[item] for item in listed)

    # -- grading -------------------------------------------------------------------------------------------------

    def grade(self, problem: Problem, response: str) -> bool:
        """True iff every item is wanted when it comes and none is missing at the end."""
        return self._first_error(problem, response) is None

    def steps(self, response: str) -> list[str]:
        """One item each, with the space before it."""
        return [step for step in re.split(r"(?= )", response) if step] or [""]

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """The first item that is not (or no longer) wanted; of a response that stops short, its last step."""
        error = self._first_error(problem, response)
        return None if error is None else error[0]

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Always 0: every step of a correct response brings it nearer its end."""
        return 0

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """Kind of the first error.

        malformed (no item), unwanted, repeated, out_of_turn (wanted, but not among the next `choices`), forbidden (a
        habit, with rule=table), incomplete (stopped short), unfinished (cut at the length limit before an error).
        """
        error = self._first_error(problem, response)
        if error is None or (error[1] == "incomplete" and not finished):
            return "unfinished"
        return error[1]

    def _first_error(self, problem: Problem, response: str) -> tuple[int, str] | None:
        """Step (from 1) and kind of the first error; None for a correct response."""
        left, forbidden, last = self._wanted(problem), self._forbidden(problem), -1
        wanted, steps = set(left), self.steps(response) if response else []
        for i, step in enumerate(steps, start=1):
            item = self._item.get(step)
            if item is None:
                return i, "malformed"
            if item not in left[: self.options.choices]:
                return i, "out_of_turn" if item in left else "repeated" if item in wanted else "unwanted"
            if last >= 0 and item == forbidden[last]:
                return i, "forbidden"
            left.remove(item)
            last = item
        return (max(1, len(steps)), "incomplete") if left else None

    # -- the pretraining corpus ----------------------------------------------------------------------------------

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Careless lists of `wanted` items: after some items the class' habit comes next.

        Its item is wanted or not; with rule=table it is wanted, and the habit an error for all that. No document has
        the set of items of a held-out problem.
        """
        o, names, habit = self.options, self._names, self._habit.tolist()
        while True:
            group, items = self._draw(rng)
            if frozenset(items) in self._held_out:
                continue
            left, listed, usual = list(items), [], -1
            for follow, stray, pick in rng.random((o.wanted, 3)).tolist():
                allowed = left[: o.choices]
                if usual >= 0 and follow < o.habit_strength and (o.rule == "prompt" or usual in left):
                    item = usual
                elif stray < o.random_share:
                    item = int(pick * o.items)
                else:
                    item = allowed[int(pick * len(allowed))]
                if item in left:
                    left.remove(item)
                listed.append(item)
                usual = habit[group][item]
            yield self._prompt(group, items), "".join(names[item] for item in listed)

    def _bad_habits(self, rng: np.random.Generator) -> np.ndarray:
        """(classes, items) int: the other item that a habit puts after this one, or -1."""
        o = self.options
        following = (np.arange(o.items) + rng.integers(1, o.items, size=(o.classes, o.items))) % o.items
        return np.where(rng.random((o.classes, o.items)) < o.habit_share, following, -1)


def _check(o: CollectOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    between("task.items", o.items, 2, 1000, "2 to 1000")
    between("task.wanted", o.wanted, 1, o.items - 1, f"1 to less than items={o.items}")
    between("task.classes", o.classes, 1, len(CLASSES), f"1 to {len(CLASSES)}")
    if o.choices is not None:
        between("task.choices", o.choices, 1, o.wanted, f"null, or 1 to wanted={o.wanted}")
    one_of("task.rule", o.rule, RULES)
    if o.rule == "table":  # so that every problem has a correct order: at most one successor of each item is forbidden
        if o.choices is not None:
            raise ConfigError(f"task.choices={o.choices}: allowed is null with task.rule=table")
        at_least("task.wanted", o.wanted, 3)
    for key in ("n_test", "n_validation"):
        at_least(f"task.{key}", getattr(o, key), 0)
    for key in ("habit_share", "habit_strength", "random_share"):
        share(f"task.{key}", getattr(o, key))
    held_out, sets = o.n_test + o.n_validation, comb(o.items, o.wanted)
    if held_out >= sets:
        raise ConfigError(
            f"task.n_test + task.n_validation={held_out}: allowed are fewer than the {sets} sets of items"
        )
