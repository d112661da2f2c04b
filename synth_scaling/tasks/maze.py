"""`maze`: walk from start to goal in a fixed grid world within a move budget.

The default task: all claims of arXiv 2406.14532 can be tested on it, with seconds per run. A problem is (start, goal),
a response the nodes walked (the start not repeated), a step is one node. A response is correct iff every move
is an edge, it ends at the goal, and it takes at most `distance + slack` moves. Detours use up the budget, so the first
error of a response, the first step after which the goal is out of reach, is known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.core.validation import at_least, at_most, between, share
from synth_scaling.tasks.task import Board, Split, TaskOptions, Walk


@dataclass
class MazeOptions(TaskOptions):
    knows_first_errors: ClassVar[bool] = True

    side: int = 10  # [nodes] of each side of the grid
    edge_share: float = 0.75  # share of the full grid's edges; a random spanning tree is always there
    min_distance: int = 3  # [moves] between start and goal at least
    max_distance: int = 10  # [moves] between start and goal at most
    slack: int = 4  # [moves] that a correct response may take beyond the shortest path
    n_test: int = 1000  # [problems] held out for testing
    n_validation: int = 300  # [problems] held out for choosing settings
    spurious: float = 0.25  # the teacher's share of correct but spurious steps
    # share of (node, goal region) tried for a bad habit of the corpus' walkers; some have no wrong edge
    habit_share: float = 0.45
    habit_strength: float = 0.75  # probability that a habit is followed
    random_share: float = 0.10  # share of the corpus' moves along a random edge
    world_seed: int = 0  # draws the maze and the held-out problems
    name: str = "maze"


class Maze:
    name = "maze"
    token_pattern = r" ?\S+|\s"

    def __init__(self, options: MazeOptions) -> None:
        self.options = options
        o = options
        _check(o)
        rng = np.random.default_rng(o.world_seed)
        self.neighbours = _grid_world(o.side, o.edge_share, rng)
        self.distance = _distances(self.neighbours)
        names = [f" {chr(ord('A') + x)}{y}" for x in range(o.side) for y in range(o.side)]
        self.vocabulary = [*names, " :"]
        self._names = names
        self._token = {name: i for i, name in enumerate(names)}
        self._node = {name.strip(): i for i, name in enumerate(names)}
        self.max_prompt_tokens = 3
        self.max_response_tokens = o.max_distance + o.slack
        lo, hi = o.min_distance, o.max_distance
        pairs = np.argwhere((self.distance >= lo) & (self.distance <= hi))
        pairs = pairs[rng.permutation(len(pairs))]
        held_out = o.n_test + o.n_validation
        if held_out >= len(pairs):
            raise ValueError(f"task.n_test + task.n_validation={held_out}: this world has {len(pairs)} problems")
        self._pairs = {"test": pairs[: o.n_test], "validation": pairs[o.n_test : held_out], "train": pairs[held_out:]}
        self._corpus_pairs = self._outside(pairs[:held_out])
        self._habit = self._bad_habits(rng)

    # -- problems ------------------------------------------------------------------------------------------------

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        pairs = self._pairs[split]
        if n is None:
            if split == "train":
                raise ValueError("task=maze: say how many train problems")
            n = len(pairs)
        if n > len(pairs):
            raise ValueError(f"task=maze has {len(pairs)} {split} problems, {n} asked for")
        order = np.random.default_rng([seed, 1]).permutation(len(pairs)) if split == "train" else np.arange(len(pairs))
        return [self._problem(split, int(i), *pairs[i]) for i in order[:n]]

    def _problem(self, split: str, index: int, start: int, goal: int) -> Problem:
        names = self._names
        prompt = f"{names[start]}{names[goal]} :"
        return Problem(f"{split}/{index}", prompt, names[goal].strip(), int(self.distance[start, goal]))

    def _endpoints(self, problem: Problem) -> tuple[int, int]:
        start, goal, _ = problem.prompt.split()
        return self._node[start], self._node[goal]

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        node, goal = self._endpoints(problem)
        left = int(self.distance[node, goal]) + self.options.slack
        walk: list[str] = []
        while node != goal:
            around, left = self.neighbours[node], left - 1
            if rng.random() < self.options.spurious:
                choices = around[self.distance[around, goal] <= left]
            else:
                choices = around[self.distance[around, goal] < self.distance[node, goal]]
            node = int(rng.choice(choices))
            walk.append(self._names[node])
        return "".join(walk)

    # -- grading -------------------------------------------------------------------------------------------------

    def grade(self, problem: Problem, response: str) -> bool:
        walk, (node, goal) = self._walk(response), self._endpoints(problem)
        if not walk or walk[-1] != goal or len(walk) > self.distance[node, goal] + self.options.slack:
            return False
        for after in walk:
            if after is None or after not in self.neighbours[node]:
                return False
            node = after
        return True

    def _walk(self, response: str) -> list[int | None]:
        """The node of each step, None for what is not a node."""
        return [self._token.get(step) for step in self.steps(response)] if response else []

    def steps(self, response: str) -> list[str]:
        starts = [i for i, c in enumerate(response) if c == " "]
        if not starts or starts[0] != 0:
            starts = [0, *starts]
        return [response[a:b] for a, b in zip(starts, [*starts[1:], len(response)], strict=True)]

    def true_pit(self, problem: Problem, response: str) -> int | None:
        walk, (node, goal) = self._walk(response), self._endpoints(problem)
        budget = int(self.distance[node, goal]) + self.options.slack
        for i, after in enumerate(walk, start=1):
            if after is None or after not in self.neighbours[node] or self.distance[after, goal] > budget - i:
                return i
            node = after
        return None if node == goal else max(1, len(walk))  # stopped short: the last step, which ends the response

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Number of moves that do not get nearer to the goal."""
        (node, goal), spurious = self._endpoints(problem), 0
        for after in self._walk(response):
            assert after is not None, f"an incorrect response: {response}"
            spurious += int(self.distance[after, goal] >= self.distance[node, goal])
            node = after
        return spurious

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        walk, (node, goal) = self._walk(response), self._endpoints(problem)
        for after in walk:
            if after is None:
                return "malformed"
            if after not in self.neighbours[node]:
                return "no_such_edge"
            node = after
        if not walk:
            return "malformed"
        return "out_of_budget" if not finished or node == goal else "wrong_place"

    # -- pictures ------------------------------------------------------------------------------------------------

    def board(self, problem: Problem) -> Board:
        """The maze, which all problems share: the letter of a node counts to the right, its number down."""
        side, names = self.options.side, tuple(name.strip() for name in self._names)
        places = tuple((float(node // side), float(node % side)) for node in range(side * side))
        edges = tuple((a, int(b)) for a, around in enumerate(self.neighbours) for b in around if a < b)
        return Board(places, names, edges)

    def walk(self, problem: Problem, response: str) -> Walk:
        """See :class:`synth_scaling.tasks.task.Pictured`."""
        start, goal = self._endpoints(problem)
        return Walk((start, *self._walk(response)), goal)

    # -- the pretraining corpus ----------------------------------------------------------------------------------

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Walks of careless walkers: mostly shortest moves, with fixed bad habits that depend on the goal's region.

        Habits give negatives something to unlearn; about a fifth of the walks reach the goal.
        """
        o, names, habit = self.options, self._names, self._habit
        while True:
            start, goal = self._corpus_pairs[rng.integers(len(self._corpus_pairs))]
            node, walk = int(start), []
            draws = rng.random((int(self.distance[start, goal]) + o.slack, 3))
            region = self._region[goal]
            for follow, stray, pick in draws:
                if node == goal:
                    break
                around = self.neighbours[node]
                if habit[node, region] >= 0 and follow < o.habit_strength:
                    node = int(habit[node, region])
                elif stray < o.random_share:
                    node = int(around[int(pick * len(around))])
                else:
                    near = around[self.distance[around, goal] < self.distance[node, goal]]
                    node = int(near[int(pick * len(near))])
                walk.append(names[node])
            yield f"{names[start]}{names[goal]} :", "".join(walk)

    def _outside(self, held_out: np.ndarray) -> np.ndarray:
        """Every ordered pair of different nodes but the held-out ones."""
        allowed = ~np.eye(len(self._names), dtype=bool)
        allowed[held_out[:, 0], held_out[:, 1]] = False
        return np.argwhere(allowed)

    def _bad_habits(self, rng: np.random.Generator) -> np.ndarray:
        """(nodes, 9) int: the neighbour that a habit leads to, or -1; incorrect for most goals of its region."""
        o, n = self.options, len(self._names)
        x, y = np.divmod(np.arange(n), o.side)
        self._region = (x * 3 // o.side) * 3 + y * 3 // o.side
        habit = np.full((n, 9), -1)
        for node in range(n):
            around = self.neighbours[node]
            closer = self.distance[around] < self.distance[node]  # (neighbours, goals)
            for region in range(9):
                if rng.random() < o.habit_share:
                    wrong = around[closer[:, self._region == region].mean(axis=1) < 0.5]
                    if len(wrong):
                        habit[node, region] = rng.choice(wrong)
        return habit


def _check(o: MazeOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    between("task.side", o.side, 3, 26, "3 to 26")
    for key in ("edge_share", "spurious", "habit_share", "habit_strength", "random_share"):
        share(f"task.{key}", getattr(o, key))
    for key in ("slack", "n_test", "n_validation"):
        at_least(f"task.{key}", getattr(o, key), 0)
    between("task.min_distance", o.min_distance, 1, o.max_distance, f"1 to task.max_distance={o.max_distance}")
    for key, most in (("max_distance", 26 * 26 - 1), ("slack", 1000)):  # bounds the length of responses
        at_most(f"task.{key}", getattr(o, key), most)


def _grid_world(side: int, edge_share: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Neighbours of each node: a random spanning tree of the grid plus random edges, up to a share of all."""
    cells = np.arange(side * side).reshape(side, side)
    down = np.stack([cells[:-1].ravel(), cells[1:].ravel()], axis=1)
    right = np.stack([cells[:, :-1].ravel(), cells[:, 1:].ravel()], axis=1)
    edges = np.concatenate([down, right])[rng.permutation(2 * side * (side - 1))]
    root = list(range(side * side))

    def find(a: int) -> int:
        while root[a] != a:
            root[a] = a = root[root[a]]
        return a

    tree: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for a, b in edges.tolist():
        ra, rb = find(a), find(b)
        (rest if ra == rb else tree).append((a, b))
        root[ra] = rb
    retained = [*tree, *rest[: max(0, round(edge_share * len(edges)) - len(tree))]]
    around: list[list[int]] = [[] for _ in range(side * side)]
    for a, b in retained:
        around[a].append(b)
        around[b].append(a)
    return [np.array(sorted(nodes)) for nodes in around]


def _distances(neighbours: list[np.ndarray]) -> np.ndarray:
    """(nodes, nodes) int array of shortest distances."""
    around = [nodes.tolist() for nodes in neighbours]
    distance = np.full((len(around), len(around)), -1)
    for start in range(len(around)):
        row, layer, steps = [-1] * len(around), [start], 0
        while layer:
            for node in layer:
                row[node] = steps
            layer, steps = list({after for node in layer for after in around[node] if row[after] < 0}), steps + 1
        distance[start] = row
    return distance
