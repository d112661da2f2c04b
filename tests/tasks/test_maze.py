"""The maze against independent searches and simulations in plain Python."""

import itertools
import re
from collections import deque

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from synth_scaling.core.records import Problem
from synth_scaling.tasks.maze import Maze, MazeOptions

MAZE = Maze(MazeOptions())
# All edges of a 3 x 3 grid, so that cases can be written by hand: A0 A1 A2 / B0 B1 B2 / C0 C1 C2.
OPEN = Maze(MazeOptions(side=3, edge_share=1.0, min_distance=2, max_distance=4, slack=2, n_test=5, n_validation=5))
CORNER = Problem("p", " A0 A2 :", "A2", 2)  # budget 4
GRAPH = {
    name.strip(): [MAZE.vocabulary[i].strip() for i in around]
    for name, around in zip(MAZE.vocabulary, MAZE.neighbours, strict=False)
}


def bfs(graph: dict[str, list[str]], start: str) -> dict[str, int]:
    distance, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        for after in graph[node]:
            if after not in distance:
                distance[after] = distance[node] + 1
                queue.append(after)
    return distance


DISTANCE = {node: bfs(GRAPH, node) for node in GRAPH}


def random_response(problem: Problem, rng: np.random.Generator) -> str:
    """A walk that tends towards the goal, with some wrong turns and some moves that are no edge."""
    start, goal, _ = problem.prompt.split()
    node, walk = start, []
    for _ in range(rng.integers(1, 18)):
        if rng.random() < 0.02:
            node = str(rng.choice(list(GRAPH)))
        elif rng.random() < 0.3:
            node = str(rng.choice(GRAPH[node]))
        else:
            node = min(GRAPH[node], key=lambda after: DISTANCE[after][goal])
        walk.append(f" {node}")
        if node == goal and rng.random() < 0.8:
            break
    return "".join(walk)


def reachable(node: str, goal: str, moves: int) -> bool:
    """Layer by layer: is the goal among the nodes that 0 to `moves` moves lead to?"""
    layer = {node}
    for _ in range(moves):
        if goal in layer:
            return True
        layer = {after for before in layer for after in GRAPH[before]}
    return goal in layer


# -- world ---------------------------------------------------------------------------------------------------------


def test_world_is_a_connected_grid_with_three_quarters_of_the_edges() -> None:
    edges = {(a, b) for a, around in GRAPH.items() for b in around}
    assert len(edges) == 2 * 135  # 75 % of 2 x 10 x 9, in both directions
    assert edges == {(b, a) for a, b in edges}
    assert all(abs(ord(a[0]) - ord(b[0])) + abs(int(a[1:]) - int(b[1:])) == 1 for a, b in edges)
    assert all(len(reached) == 100 for reached in DISTANCE.values())


def test_distances_are_shortest() -> None:
    names = list(GRAPH)
    expected = [[DISTANCE[a][b] for b in names] for a in names]
    assert np.array_equal(MAZE.distance, expected)


def test_problems_are_all_pairs_at_distance_3_to_10() -> None:
    pairs = sum(3 <= d <= 10 for reached in DISTANCE.values() for d in reached.values())
    n_train = pairs - 1300
    train = MAZE.problems("train", n_train, 0)
    everything = train + MAZE.problems("test", None, 0) + MAZE.problems("validation", None, 0)
    assert len({p.prompt for p in everything}) == len({p.id for p in everything}) == pairs
    assert 6500 < pairs < 7500  # 7,026 in the prototype's world
    for p in everything:
        start, goal, _ = p.prompt.split()
        assert p.difficulty == DISTANCE[start][goal] and p.answer == goal
    with pytest.raises(ValueError, match=f"{n_train} train problems, {n_train + 1} asked for"):
        MAZE.problems("train", n_train + 1, 0)


def test_splits_are_disjoint_nested_and_deterministic() -> None:
    test, validation = MAZE.problems("test", None, 0), MAZE.problems("validation", None, 0)
    train = MAZE.problems("train", 2000, 5)
    assert (len(test), len(validation)) == (1000, 300)
    prompts = [{p.prompt for p in split} for split in (test, validation, train)]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(prompts, 2))
    assert MAZE.problems("train", 100, 5) == train[:100] == Maze(MazeOptions()).problems("train", 100, 5)
    assert MAZE.problems("train", 100, 6) != train[:100]
    assert MAZE.problems("test", 50, 6) == test[:50]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (MazeOptions(side=2), "task.side=2"),
        (MazeOptions(side=27), "task.side=27"),
        (MazeOptions(spurious=1.5), "task.spurious=1.5"),
        (MazeOptions(n_test=10_000), "task.n_test"),
    ],
)
def test_bad_options_are_named(options: MazeOptions, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        Maze(options)
    assert "\n" not in str(error.value)


# -- teacher and corpus --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spurious", [0.0, 0.25, 1.0])
def test_the_teacher_is_correct(spurious: float) -> None:
    maze, rng = Maze(MazeOptions(spurious=spurious)), np.random.default_rng(0)
    for problem in maze.problems("train", 500, 0):
        response = maze.teacher(problem, rng)
        n = len(re.findall(maze.token_pattern, response))
        assert maze.grade(problem, response) and maze.true_pit(problem, response) is None
        assert n <= maze.max_response_tokens and len(maze.steps(response)) == n
        assert problem.difficulty <= n <= problem.difficulty + 4
        assert spurious or n == problem.difficulty


def test_corpus_walks_edges_and_avoids_the_held_out() -> None:
    held_out = {p.prompt for split in ("test", "validation") for p in MAZE.problems(split, None, 0)}
    documents = list(itertools.islice(MAZE.corpus(np.random.default_rng(0)), 5000))
    assert held_out.isdisjoint(prompt for prompt, _ in documents)
    arrived = 0
    for prompt, walk in documents:
        start, goal, _ = prompt.split()
        nodes = [start, *walk.split()]
        assert all(b in GRAPH[a] for a, b in itertools.pairwise(nodes))
        assert len(nodes) - 1 <= DISTANCE[start][goal] + 4
        arrived += nodes[-1] == goal
        assert set(re.findall(MAZE.token_pattern, prompt + walk)) <= set(MAZE.vocabulary)
    assert 0.1 < arrived / len(documents) < 0.5  # bad habits: most walks fail
    assert documents[:20] == list(itertools.islice(MAZE.corpus(np.random.default_rng(0)), 20))


# -- grading -------------------------------------------------------------------------------------------------------


def test_grade_and_true_pit_agree_with_simulation() -> None:
    rng, seen = np.random.default_rng(1), {True: 0, False: 0}
    for problem in MAZE.problems("train", 1500, 0):
        response = random_response(problem, rng)
        start, goal, _ = problem.prompt.split()
        walk, budget = response.split(), DISTANCE[start][goal] + 4

        alive = [b in GRAPH[a] for a, b in itertools.pairwise([start, *walk])]
        right = all(alive) and len(walk) <= budget and walk[-1] == goal
        assert MAZE.grade(problem, response) == right

        hopeless = [
            i
            for i, node in enumerate(walk, start=1)
            if not alive[i - 1] or i > budget or not reachable(node, goal, budget - i)
        ]
        pit = None if right else hopeless[0] if hopeless else len(walk)
        assert MAZE.true_pit(problem, response) == pit
        seen[right] += 1
    assert min(seen.values()) > 200  # the walks test both answers


@pytest.mark.parametrize(
    ("response", "pit", "kind"),
    [
        (" A1 A2", None, None),
        (" B0 B1 A1 A2", None, None),  # spurious, and within the budget
        (" A1 A2 A1 A2", None, None),
        ("", 1, "malformed"),
        (" X9", 1, "malformed"),
        (" A1 C1", 2, "no_such_edge"),
        (" A1 A1 A2", 2, "no_such_edge"),
        (" B0 C0 C1 C2 B2 A2", 2, "out_of_budget"),
        (" A1 A0 A1 A0 A1 A2", 4, "out_of_budget"),
        (" A1", 1, "wrong_place"),
        (" A1 A2 B2", 3, "wrong_place"),
    ],
)
def test_cases_by_hand(response: str, pit: int | None, kind: str | None) -> None:
    assert OPEN.grade(CORNER, response) == (kind is None)
    assert OPEN.true_pit(CORNER, response) == pit
    if kind:
        assert OPEN.error_kind(CORNER, response, finished=True) == kind


def test_an_unfinished_walk_is_out_of_budget() -> None:
    assert OPEN.error_kind(CORNER, " A1 A0 A1 A0 A1 A0", finished=False) == "out_of_budget"


def test_spurious_steps_are_the_moves_beyond_the_shortest_way() -> None:
    # Every move changes the distance to the goal by one in a grid, so s spurious steps make the walk 2 s longer.
    rng = np.random.default_rng(0)
    seen = set()
    for problem in MAZE.problems("train", 300, 3):
        response = MAZE.teacher(problem, rng)
        spurious = MAZE.spurious_steps(problem, response)
        assert len(MAZE.steps(response)) == problem.difficulty + 2 * spurious
        seen.add(spurious)
    assert seen == {0, 1, 2}  # slack 4


def test_true_pit_of_a_stray_token_is_where_it_is() -> None:
    assert OPEN.true_pit(CORNER, " A1 :") == 2


def test_perturbed_correct_answers_are_incorrect() -> None:
    rng = np.random.default_rng(2)
    for problem in MAZE.problems("test", 200, 0):
        right = MAZE.teacher(problem, rng)
        steps = MAZE.steps(right)
        assert not MAZE.grade(problem, "".join(steps[:-1]))  # stops short
        assert not MAZE.grade(problem, right + steps[-1])  # stays where it is
        assert not MAZE.grade(problem, "".join(steps[1:]))  # two moves at once are no edge
        assert not MAZE.grade(problem, right + " :")
        assert not MAZE.grade(problem, right + "0")


@settings(max_examples=200)
@given(st.text() | st.lists(st.sampled_from([*MAZE.vocabulary, " ", "\n", "A1"])).map("".join))
@example("")
@example("  A0\n")
def test_any_text_is_cut_and_graded(text: str) -> None:
    problem = MAZE.problems("test", 1, 0)[0]
    steps = MAZE.steps(text)
    assert steps and "".join(steps) == text
    MAZE.grade(problem, text)
    MAZE.true_pit(problem, text)
    assert MAZE.error_kind(problem, text, finished=True)
    pieces = Split(Regex(MAZE.token_pattern), "isolated").pre_tokenize_str(text)
    assert "".join(piece for piece, _ in pieces) == text


@settings(max_examples=100)
@given(st.lists(st.sampled_from(MAZE.vocabulary)))
def test_tokens_are_found_again_and_steps_end_between_them(tokens: list[str]) -> None:
    text = "".join(tokens)
    assert re.findall(MAZE.token_pattern, text) == tokens
    assert [t for step in MAZE.steps(text) for t in re.findall(MAZE.token_pattern, step)] == tokens
    problem = MAZE.problems("test", 1, 0)[0]
    pit = MAZE.true_pit(problem, text)
    assert (pit is None) == MAZE.grade(problem, text)
    assert pit is None or 1 <= pit <= len(MAZE.steps(text))


def test_prompts_consist_of_the_vocabulary() -> None:
    assert len(set(MAZE.vocabulary)) == len(MAZE.vocabulary) == 101
    for problem in MAZE.problems("train", 500, 0) + MAZE.problems("test", None, 0):
        tokens = re.findall(MAZE.token_pattern, problem.prompt)
        assert len(tokens) <= MAZE.max_prompt_tokens and set(tokens) <= set(MAZE.vocabulary)
