"""Star graphs: the public line format, the shape of the graphs, and cases by hand."""

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from synth_scaling.core.records import Problem
from synth_scaling.tasks.star_graph import Star, StarGraph, StarGraphOptions, read_line, write_line

STAR = StarGraph(StarGraphOptions())
PUBLIC_SHAPES = [(2, 2, 50), (2, 3, 10), (2, 3, 50), (2, 5, 50), (3, 3, 50), (5, 3, 50)]
TINY = {"degree": 2, "path_length": 3, "n_nodes": 5}
LINE = "7,2|5,9|2,4|5,7|9,1|1,3/5,4=5,7,2,4"  # two arms: 5 7 2 4 and 5 9 1 3
BY_HAND = Problem("p", LINE[: LINE.index("=") + 1], "5,7,2,4", 4)


def path_by_search(prompt: str) -> str:
    """Follow every edge from the source, depth first."""
    graph, question = prompt.removesuffix("=").split("/")
    edges = [edge.split(",") for edge in graph.split("|")]
    source, goal = question.split(",")
    open_paths = [[source]]
    while open_paths:
        path = open_paths.pop()
        if path[-1] == goal:
            return ",".join(path)
        open_paths += [[*path, b] for a, b in edges if a == path[-1]]
    raise AssertionError("no path")


def content(problem: Problem) -> frozenset[str]:
    return frozenset(problem.prompt.split("/")[0].split("|"))


# -- the public line format ----------------------------------------------------------------------------------------


@st.composite
def stars(draw: st.DrawFn) -> Star:
    degree, length = draw(st.integers(1, 4)), draw(st.integers(2, 5))
    nodes = draw(st.permutations(range(degree * (length - 1) + 5)))[: degree * (length - 1) + 1]
    arms = [[nodes[0], *nodes[i + 1 :: degree]] for i in range(degree)]
    edges = draw(st.permutations([hop for arm in arms for hop in itertools.pairwise(arm)]))
    arm = draw(st.sampled_from(arms))
    return Star(tuple(edges), nodes[0], arm[-1], tuple(arm))


@settings(max_examples=100)
@given(stars())
def test_lines_are_read_back(star: Star) -> None:
    line = write_line(star)
    assert read_line(line) == read_line(line + "\n") == star
    assert write_line(read_line(line)) == line == star.prompt() + star.answer()


def test_line_by_hand() -> None:
    star = read_line(LINE)
    assert star == Star(((7, 2), (5, 9), (2, 4), (5, 7), (9, 1), (1, 3)), 5, 4, (5, 7, 2, 4))
    assert write_line(star) == LINE


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected a,b"),
        ("1,2|1,3", "expected a,b"),
        ("1,2|1,3/1,2=1,2=1,2", "expected a,b"),
        ("1,2|1;3/1,2=1,2", "edge 2 is '1;3', expected a,b"),
        ("1,2|/1,2=1,2", "edge 2 is '', expected a,b"),
        ("1,02/1,2=1,2", "edge 1 is '1,02'"),
        ("1,٢/1,2=1,2", "edge 1 is"),
        (f"1,{'9' * 5000}/1,2=1,2", "edge 1 is"),
        ("1,2|1,3/1=1,2", "question is '1', expected source,goal"),
        ("1,2|1,3/1,2=", "path is '', expected source"),
        ("1,2|1,3/1,2=1,2,", "path is '1,2,', expected source"),
        ("1,2|1,3/1,2=1,2\n\n", "path is"),
        ("1,2|2,1/1,2=1,2", "an edge leads back to the source 1"),
        ("1,2|1,3|3,2/1,2=1,2", "two edges lead to node 2"),
        ("1,2|2,3/1,3=2,3", "path starts at 2, not at the source 1"),
        ("1,2|2,3/1,3=1,2", "path ends at 2, not at the goal 3"),
        ("1,2|2,3/1,3=1,3", "path takes 1,3, which is no edge"),
    ],
)
def test_malformed_lines_are_refused_with_the_reason(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_line(line)
    assert str(error.value).startswith("star line")


@settings(max_examples=200)
@given(st.text() | st.text(alphabet="012,|/=\n", max_size=20))
def test_a_line_is_read_exactly_or_refused(line: str) -> None:
    try:
        star = read_line(line)
    except ValueError as error:
        assert str(error).startswith("star line")
    else:
        assert write_line(star) == line.removesuffix("\n")


# -- problems ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("degree", "length", "n_nodes"), PUBLIC_SHAPES)
def test_graphs_are_stars(degree: int, length: int, n_nodes: int) -> None:
    task = StarGraph(StarGraphOptions(degree=degree, path_length=length, n_nodes=n_nodes, n_test=50, n_validation=20))
    rng = np.random.default_rng(0)
    for problem in task.problems("train", 100, 0) + task.problems("test", None, 0):
        star = read_line(problem.prompt + problem.answer)
        starts, ends = Counter(a for a, _ in star.edges), Counter(b for _, b in star.edges)
        assert len(star.edges) == degree * (length - 1) and set(ends.values()) == {1}
        assert starts.pop(star.source) == degree and set(starts.values()) <= {1}
        assert len(star.path) == length == problem.difficulty and max({*starts, *ends}) < n_nodes
        assert star.goal not in starts
        assert problem.answer == path_by_search(problem.prompt) == task.teacher(problem, rng)
        assert task.grade(problem, problem.answer) and task.true_pit(problem, problem.answer) is None
        assert task.spurious_steps(problem, problem.answer) == 0
        for text, limit in ((problem.prompt, task.max_prompt_tokens), (problem.answer, task.max_response_tokens)):
            tokens = re.findall(task.token_pattern, text)
            assert len(tokens) == limit and set(tokens) <= set(task.vocabulary)


def test_every_part_of_a_graph_varies() -> None:
    stars = [read_line(p.prompt + p.answer) for p in STAR.problems("train", 2000, 0)]
    assert {star.source for star in stars} == {star.goal for star in stars} == set(range(50))
    first_arm = Counter([b for a, b in star.edges if a == star.source].index(star.path[1]) for star in stars)
    assert all(abs(count / 2000 - 1 / 3) < 0.05 for count in first_arm.values())  # the order does not tell the hop


def test_splits_are_disjoint_nested_and_deterministic() -> None:
    splits = [STAR.problems("test", None, 0), STAR.problems("validation", None, 0), STAR.problems("train", 2000, 5)]
    assert [len(split) for split in splits] == [1000, 300, 2000]
    contents = [{content(p) for p in split} for split in splits]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(contents, 2))
    assert len(set().union(*contents)) == len({p.id for split in splits for p in split}) == 3300
    train = splits[2]
    assert STAR.problems("train", 100, 5) == train[:100] == StarGraph(StarGraphOptions()).problems("train", 100, 5)
    assert not {p.prompt for p in STAR.problems("train", 100, 6)} & {p.prompt for p in train}
    assert STAR.problems("test", 50, 6) == splits[0][:50]


def test_a_small_world_can_be_used_up() -> None:
    # 5 nodes, all used: 5 sources, 4! ways to fill two arms, halved as their order does not matter
    tiny = StarGraph(StarGraphOptions(**TINY, n_test=20, n_validation=10))
    splits = [tiny.problems("test", None, 0), tiny.problems("validation", None, 0), tiny.problems("train", 30, 0)]
    assert 5 * math.factorial(4) // 2 == sum(map(len, splits)) == len({content(p) for split in splits for p in split})
    held_out = {content(p) for p in splits[0] + splits[1]}
    documents = itertools.islice(tiny.corpus(np.random.default_rng(0)), 500)
    assert held_out.isdisjoint(frozenset(prompt.split("/")[0].split("|")) for prompt, _ in documents)
    with pytest.raises(ValueError, match="30 train problems, 31 asked for"):
        tiny.problems("train", 31, 0)
    with pytest.raises(ValueError, match="20 test problems, 21 asked for"):
        tiny.problems("test", 21, 0)
    with pytest.raises(ValueError, match="ask for a number"):
        tiny.problems("train", None, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (StarGraphOptions(degree=1), "task.degree=1: allowed are values of at least 2"),
        (StarGraphOptions(degree=-3), "task.degree=-3: allowed are"),
        (StarGraphOptions(path_length=1), "task.path_length=1: allowed are"),
        (StarGraphOptions(n_nodes=6), "task.n_nodes=6: allowed are values of at least 7"),
        (StarGraphOptions(n_test=-1), "task.n_test=-1: allowed are"),
        (StarGraphOptions(n_validation=-1), "task.n_validation=-1: allowed are"),
        (
            StarGraphOptions(**TINY, n_test=60, n_validation=0),
            "task.n_test + task.n_validation=60: this shape has 60",
        ),
    ],
)
def test_bad_options_are_named(options: StarGraphOptions, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        StarGraph(options)
    assert "\n" not in str(error.value)


def test_corpus_walks_every_arm_alike_and_avoids_the_held_out() -> None:
    held_out = {content(p) for split in ("test", "validation") for p in STAR.problems(split, None, 0)}
    documents = list(itertools.islice(STAR.corpus(np.random.default_rng(0)), 6000))
    right = 0
    for prompt, walk in documents:
        star = read_line(prompt + path_by_search(prompt))
        assert frozenset(prompt.split("/")[0].split("|")) not in held_out
        nodes = [int(node) for node in walk.split(",")]
        assert nodes[0] == star.source and len(nodes) == 3
        assert all(hop in star.edges for hop in itertools.pairwise(nodes))
        assert all(a != nodes[-1] for a, _ in star.edges)  # at the arm's end
        assert set(re.findall(STAR.token_pattern, prompt + walk)) <= set(STAR.vocabulary)
        right += walk == star.answer()
    assert abs(right / len(documents) - 1 / 3) < 0.02  # standard error 0.006: the goal tells nothing
    assert documents[:20] == list(itertools.islice(STAR.corpus(np.random.default_rng(0)), 20))


# -- grading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "pit", "kind"),
    [
        ("5,9,1,3", 2, "wrong_first_hop"),
        ("5,9,1,4", 2, "wrong_first_hop"),  # the first fault, although 1,4 is no edge
        ("5,9", 2, "wrong_first_hop"),
        ("5,2,4", 2, "no_such_edge"),
        ("5,7,1,4", 3, "no_such_edge"),
        ("5,7,2,4,4", 4, "no_such_edge"),  # the fourth step says that the walk goes on
        ("5,7,2", 3, "stopped_short"),
        ("5", 1, "stopped_short"),
        ("7,2,4", 1, "wrong_start"),
        ("", 1, "malformed"),
        ("5,7,2,", 3, "malformed"),
        ("5,7,2,4,", 4, "malformed"),
        ("5,7,2,04", 4, "malformed"),
        ("5,7,,4", 3, "malformed"),
        ("5,7,2,4=", 4, "malformed"),
        ("5,7,2,4\n", 4, "malformed"),
        (" 5,7,2,4", 1, "malformed"),
        ("5,7|2,4", 2, "malformed"),
    ],
)
def test_cases_by_hand(response: str, pit: int, kind: str) -> None:
    assert not STAR.grade(BY_HAND, response)
    assert STAR.true_pit(BY_HAND, response) == pit
    assert STAR.error_kind(BY_HAND, response, finished=True) == kind


def test_correct_steps_and_unfinished_walks_by_hand() -> None:
    assert STAR.grade(BY_HAND, "5,7,2,4") and STAR.true_pit(BY_HAND, "5,7,2,4") is None
    assert STAR.steps("5,7,2,4") == ["5,", "7,", "2,", "4"]
    assert STAR.steps("") == [""] and STAR.steps("5,,") == ["5,", ","]
    assert STAR.error_kind(BY_HAND, "5,7,2", finished=False) == "unfinished"
    assert STAR.error_kind(BY_HAND, "5,7,2,", finished=False) == "unfinished"
    assert STAR.error_kind(BY_HAND, "5,9,", finished=False) == "wrong_first_hop"


def test_the_first_error_ends_the_longest_correct_prefix() -> None:
    """By brute force over all responses of up to three nodes: a prefix is alive iff the answer begins with it."""
    problem = Problem("p", "1,2|1,3|2,4|3,5/1,4=", "1,2,4", 3)
    for nodes in itertools.chain(*(itertools.product("12345", repeat=n) for n in (1, 2, 3))):
        response = ",".join(nodes)
        prefixes = ["".join(STAR.steps(response)[:i]) for i in range(1, len(nodes) + 1)]
        dead = [i for i, prefix in enumerate(prefixes, start=1) if not problem.answer.startswith(prefix)]
        pit = dead[0] if dead else None if response == problem.answer else len(nodes)
        assert STAR.true_pit(problem, response) == pit
        assert (pit is None) == STAR.grade(problem, response)


def test_perturbed_correct_answers_are_incorrect() -> None:
    for problem in STAR.problems("test", 200, 0):
        right = problem.answer
        nodes = right.split(",")
        for i, other in itertools.product(range(3), ("0", "49", "50")):
            changed = ",".join([*nodes[:i], other, *nodes[i + 1 :]])
            assert STAR.grade(problem, changed) == (changed == right)
            assert STAR.true_pit(problem, changed) == (None if changed == right else i + 1)
        for wrong in (right + ",", right + " ", " " + right, right[:-1], right + "0", ",".join(nodes[::-1])):
            assert not STAR.grade(problem, wrong) and STAR.true_pit(problem, wrong)


@settings(max_examples=200)
@given(st.text() | st.text(alphabet="0123456789,|/= \n"))
@example("")
@example("9" * 5000)
def test_any_text_is_cut_and_graded(text: str) -> None:
    steps = STAR.steps(text)
    assert steps and "".join(steps) == text
    pit = STAR.true_pit(BY_HAND, text)
    assert (pit is None) == STAR.grade(BY_HAND, text)
    assert pit is None or 1 <= pit <= len(steps)
    assert STAR.error_kind(BY_HAND, text, finished=True) and STAR.error_kind(BY_HAND, text, finished=False)
    pieces = re.findall(STAR.token_pattern, text)
    assert "".join(pieces) == text
    assert [piece for piece, _ in Split(Regex(STAR.token_pattern), "isolated").pre_tokenize_str(text)] == pieces
    assert [t for step in steps for t in re.findall(STAR.token_pattern, step)] == pieces
