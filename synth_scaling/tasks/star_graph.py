"""`star_graph`: find the way from the centre of a star to the end of one of its arms.

The didactic task of Bachmann and Nagarajan 2024 (arXiv 2403.06963). `degree` arms of `path_length` nodes, source
and goal counted, leave one source; node names are drawn from `n_nodes`. In the authors' public format a line reads
`a,b|c,d|…/source,goal=source,…,goal`: shuffled edges that point away from the source, the question, and the path.
The prompt ends with `=`. After the first hop every node can be copied from the edge list, so a next-token learner
masters copying and guesses the first hop, correctly in 1 of `degree`. There is no way back, so the first step that
leaves the path is the first error, and it is known exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from synth_scaling.core.records import Problem
from synth_scaling.core.validation import at_least, at_most
from synth_scaling.tasks.task import Split, TaskOptions

NODE = r"(?:0|[1-9][0-9]{0,8})"  # no leading zeros, so that every graph has one spelling
WALK = re.compile(rf"{NODE}(?:,{NODE})*")
MOST_NODES = 100_000
EDGE = re.compile(rf"({NODE}),({NODE})")


@dataclass
class StarGraphOptions(TaskOptions):
    knows_first_errors: ClassVar[bool] = True

    # Public shapes: (2,2,50), (2,3,10), (2,3,50), (2,5,50), (3,3,50), (5,3,50). Ours has the shortest prompt, 28
    # tokens, among those where most guesses are incorrect and a hop is left to copy: 0.2 M parameters on a
    # CPU take a real first edge in two walks of three after 100,000 corpus documents with the loss on the prompt too.
    degree: int = 3
    path_length: int = 3  # [nodes] of each path, source and goal counted
    n_nodes: int = 50  # [names] that the nodes' names are drawn from
    n_test: int = 1000  # [problems] held out for testing
    n_validation: int = 300  # [problems] held out for choosing settings
    world_seed: int = 0  # draws the held-out problems
    name: str = "star_graph"


@dataclass(frozen=True)
class Star:
    """A graph with its question and answer. Edges point away from the source; their order is the prompt's."""

    edges: tuple[tuple[int, int], ...]
    source: int
    goal: int
    path: tuple[int, ...]  # source, …, goal

    def prompt(self) -> str:
        return "|".join(f"{a},{b}" for a, b in self.edges) + f"/{self.source},{self.goal}="

    def answer(self) -> str:
        return ",".join(map(str, self.path))


def write_line(star: Star) -> str:
    """A line of the public format, without its line break."""
    return star.prompt() + star.answer()


def read_line(line: str) -> Star:
    """The star in a line of :func:`write_line` or of the public files. Raises ValueError with the reason."""
    parts = re.fullmatch(r"([^/=]*)/([^/=]*)=([^/=]*)", line.removesuffix("\n"))
    if not parts:
        raise ValueError(f"star line {line[:60]!r}: expected a,b|c,d|…/source,goal=source,…,goal")
    actual = [EDGE.fullmatch(text) for text in parts[1].split("|")]
    edges = tuple((int(edge[1]), int(edge[2])) for edge in actual if edge)
    if len(edges) < len(actual):
        i = actual.index(None)
        raise ValueError(f"star line: edge {i + 1} is {parts[1].split('|')[i]!r}, expected a,b")
    question = EDGE.fullmatch(parts[2])
    if not question:
        raise ValueError(f"star line: question is {parts[2]!r}, expected source,goal")
    if not WALK.fullmatch(parts[3]):
        raise ValueError(f"star line: path is {parts[3]!r}, expected source,…,goal")
    path = tuple(map(int, parts[3].split(",")))
    star = Star(edges, int(question[1]), int(question[2]), path)
    _check_path(star)
    return star


def _check_path(star: Star) -> None:
    """Raise ValueError unless the path is the graph's only one from source to goal."""
    ends = [b for _, b in star.edges]
    if star.source in ends:
        raise ValueError(f"star line: an edge leads back to the source {star.source}")
    if len(set(ends)) < len(ends):
        raise ValueError(f"star line: two edges lead to node {next(b for b in ends if ends.count(b) > 1)}")
    if star.path[0] != star.source:
        raise ValueError(f"star line: path starts at {star.path[0]}, not at the source {star.source}")
    if star.path[-1] != star.goal:
        raise ValueError(f"star line: path ends at {star.path[-1]}, not at the goal {star.goal}")
    for hop in pairwise(star.path):
        if hop not in star.edges:
            raise ValueError(f"star line: path takes {hop[0]},{hop[1]}, which is no edge")


class StarGraph:
    name = "star_graph"
    token_pattern = r"[0-9]+|[\s\S]"

    def __init__(self, options: StarGraphOptions) -> None:
        self.options = o = options
        edges = o.degree * (o.path_length - 1)
        _check(o)
        self.vocabulary = [*map(str, range(o.n_nodes)), ",", "|", "/", "="]
        self.max_prompt_tokens = 4 * edges + 4
        self.max_response_tokens = 2 * o.path_length - 1
        # an ordered choice of nodes is a source and its arms; the order of the arms does not matter
        self._graphs = math.perm(o.n_nodes, edges + 1) // math.factorial(o.degree)
        held_out = o.n_test + o.n_validation
        if held_out >= self._graphs:
            raise ValueError(f"task.n_test + task.n_validation={held_out}: this shape has {self._graphs} graphs")
        self._held_out: set[frozenset[tuple[int, int]]] = set()
        stars = self._distinct(held_out, np.random.default_rng([o.world_seed, 2]))
        self._held_out = {frozenset(star.edges) for star in stars}
        self._split = {"test": stars[: o.n_test], "validation": stars[o.n_test :]}

    # -- problems ------------------------------------------------------------------------------------------------

    def problems(self, split: Split, n: int | None, seed: int) -> list[Problem]:
        there = self._graphs - len(self._held_out) if split == "train" else len(self._split[split])
        if n is None and split == "train":
            raise ValueError(f"task=star_graph has {there} train problems: ask for a number of them")
        if n is not None and n > there:
            raise ValueError(f"task=star_graph has {there} {split} problems, {n} asked for")
        if split == "train":
            stars = self._distinct(n or 0, np.random.default_rng([seed, 1]))
        else:
            stars = self._split[split][:n]
        length = self.options.path_length
        return [Problem(f"{split}/{i}", star.prompt(), star.answer(), length) for i, star in enumerate(stars)]

    def _distinct(self, n: int, rng: np.random.Generator) -> list[Star]:
        """`n` stars; no graph comes twice, whatever its edges' order and its goal, nor one that is held out."""
        seen = set(self._held_out)
        stars: list[Star] = []
        while len(stars) < n:
            star, _ = self._draw(rng)
            if (key := frozenset(star.edges)) not in seen:
                seen.add(key)
                stars.append(star)
        return stars

    def _draw(self, rng: np.random.Generator) -> tuple[Star, list[list[int]]]:
        """A random star and its arms, each from source to end; the goal ends the first arm."""
        o = self.options
        source, *rest = rng.permutation(o.n_nodes)[: o.degree * (o.path_length - 1) + 1].tolist()
        arms = [[source, *rest[i :: o.degree]] for i in range(o.degree)]
        edges = [hop for arm in arms for hop in pairwise(arm)]
        shuffled = tuple(edges[i] for i in rng.permutation(len(edges)))
        return Star(shuffled, source, arms[0][-1], tuple(arms[0])), arms

    def teacher(self, problem: Problem, rng: np.random.Generator) -> str:
        """The path, which is the only correct response."""
        return problem.answer

    # -- grading -------------------------------------------------------------------------------------------------

    def grade(self, problem: Problem, response: str) -> bool:
        return response == problem.answer

    def steps(self, response: str) -> list[str]:
        """One node each, with the comma after it: a step names a node and whether another one follows."""
        return re.findall(r"[^,]*,|[^,]+", response) or [""]

    def true_pit(self, problem: Problem, response: str) -> int | None:
        """The first step that differs from the path's; for a response that stops at a comma, its last step."""
        given, correct = self.steps(response), self.steps(problem.answer)
        for i, (a, b) in enumerate(zip(given, correct, strict=False), start=1):
            if a != b:
                return i
        return None if len(given) == len(correct) else len(given)

    def spurious_steps(self, problem: Problem, response: str) -> int | None:
        """Always 0: only the path itself is correct."""
        return 0

    def error_kind(self, problem: Problem, response: str, finished: bool) -> str:
        """The first fault: malformed, wrong_start, wrong_first_hop, no_such_edge, stopped_short or unfinished."""
        star = read_line(problem.prompt + problem.answer)
        if not finished:
            response = response.removesuffix(",")
        if not WALK.fullmatch(response):
            return "malformed"
        walk = [int(node) for node in response.split(",")]
        if walk[0] != star.source:
            return "wrong_start"
        for i, hop in enumerate(pairwise(walk)):
            if hop not in star.edges:
                return "no_such_edge"
            if i == 0 and hop[1] != star.path[1]:
                return "wrong_first_hop"
        return "stopped_short" if finished else "unfinished"

    # -- the pretraining corpus ----------------------------------------------------------------------------------

    def corpus(self, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
        """Walks to the end of a random arm, whatever the goal: they teach copying edges, but not the first hop."""
        while True:
            star, arms = self._draw(rng)
            if frozenset(star.edges) not in self._held_out:
                yield star.prompt(), ",".join(map(str, arms[rng.integers(len(arms))]))


def _check(o: StarGraphOptions) -> None:
    """Refuse options that cannot be. Raises ConfigError."""
    nodes = o.degree * (o.path_length - 1) + 1
    at_least("task.degree", o.degree, 2)
    at_least("task.path_length", o.path_length, 2)  # source and goal counted
    at_least("task.n_nodes", o.n_nodes, nodes)  # the nodes of all paths
    at_most("task.n_nodes", o.n_nodes, MOST_NODES)  # a token each
    for key in ("n_test", "n_validation"):
        at_least(f"task.{key}", getattr(o, key), 0)
