"""The recipe of arXiv 2406.14532 as pure functions: seed problem, new problem, its solutions, the filters.

The paper asks GPT-4 and Gemini for a new problem in the manner of a seed problem and for one solution to it. How its
filters worked could not be checked (?); these, and the prompts in conf/teacher/, are ours.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from synth_scaling.core.records import Problem
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.gold import gold_answer
from synth_scaling.tasks.questions import QuestionTask
from synth_scaling.teaching.client import OpenAIOptions, body_of
from synth_scaling.teaching.records import Answer, Request

_TEMPLATES = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)


@dataclass
class TeacherOptions:
    """conf/teacher/*.yaml: the prompts. `problem` and `solve` are Jinja templates."""

    system: str = ""  # system message; empty: none
    problem: str = "???"  # template that asks for a new problem; knows seed.question, seed.solution and seed.answer
    problem_mark: str = ""  # the new problem stands after the last of these; empty: the whole answer
    solve: str = "???"  # template that asks for a solution; knows question
    name: str = "???"


@dataclass(frozen=True)
class Seed:
    """A problem of the task with its teacher's solution, in the manner of which new ones are written."""

    id: str
    question: str
    solution: str
    answer: str


@dataclass(frozen=True)
class Row:
    """One line of teacher data."""

    question: str
    solution: str
    answer: str
    seed_problem: str
    model: str
    samples: int  # solutions asked for
    agreed: int  # of them with this answer


@dataclass(frozen=True)
class Dropped:
    """A new problem that a filter rejected."""

    reason: str  # one of REASONS


REASONS = {
    "request_failed": "the endpoint gave an error or no answer, after all retries",
    "no_problem": "no new problem in the answer, or cut at engine.max_tokens",
    "seed_repeated": "a seed problem again",
    "contaminated": "overlaps a held-out problem of the task",
    "no_solution": "too few solutions that end and whose final answer reads",
    "disagree": "too few solutions agree on the answer",
    "duplicate": "the same problem as an earlier one",
}


def problem_request(engine: OpenAIOptions, teacher: TeacherOptions, seed: Seed, sample: int) -> Request:
    """The request for the `sample`-th new problem in the manner of `seed`."""
    text = rendered(teacher.problem, seed=seed)
    return Request(body_of(engine, _messages(teacher, text), sample), sample)


def solution_request(engine: OpenAIOptions, teacher: TeacherOptions, question: str, sample: int) -> Request:
    """The request for the `sample`-th solution."""
    text = rendered(teacher.solve, question=question)
    return Request(body_of(engine, _messages(teacher, text), sample), sample)


def rendered(template: str, **values: object) -> str:
    """A prompt. Raises ValueError for a template that is wrong or names an unknown variable."""
    try:
        return _TEMPLATES.from_string(template).render(**values).strip()
    except TemplateError as error:
        raise ValueError(str(error)) from None


def _messages(teacher: TeacherOptions, text: str) -> list[dict[str, str]]:
    system = [{"role": "system", "content": teacher.system.strip()}] if teacher.system.strip() else []
    return [*system, {"role": "user", "content": text}]


def new_problem(answer: Answer, mark: str) -> str | None:
    """The problem that an answer gives; None if it was cut, lacks the mark, or says nothing after it.

    The mark may be in other capitals, and emphasised as in Markdown, alone (`**New problem:**`, `**New problem**:`,
    `### New problem:`) or together with the problem.
    """
    if not answer.finished:
        return None
    if not mark:
        return answer.text.strip() or None
    *_, last = [None, *_marks(mark).finditer(answer.text)]
    if last is None:
        return None
    text = answer.text[last.end() :].strip()
    opened = last["opened"]
    if opened and not last["closed"] and text.endswith(opened[::-1]):  # around mark and problem
        text = text.removesuffix(opened[::-1]).rstrip()
    if whole := re.fullmatch(r"(\*{2,3}|__)(?!\s)((?:(?!\1).)+)(?<!\s)\1", text, re.DOTALL):
        text = whole[2]
    return None if not text.strip("*_`#~ \n") else text


@functools.cache
def _marks(mark: str) -> re.Pattern[str]:
    """The mark with the emphasis around it; half of a pair may stand before its colon."""
    words, colon = (mark[:-1], ":") if mark.endswith(":") else (mark, "")
    spaced = r"\s+".join(map(re.escape, words.split()))
    emphasis = r"(?:\*{1,3}|_{1,3}|`{1,3})"
    return re.compile(
        rf"(?P<opened>{emphasis})?{spaced}(?P<closed>{emphasis}?{colon}{emphasis}(?(opened)|(?=\s|\Z))|{emphasis}{colon})?"
        rf"(?(closed)|{colon})",
        re.IGNORECASE,
    )


def agreement(task: QuestionTask, seed: Seed, question: str, answers: Sequence[Answer], agree: int) -> Row | Dropped:
    """The first solution of the largest group with one answer, if the group has `agree` of them.

    Answers are one if the task's grader says so. A solution counts if it ended by itself and the grader
    accepts it with its final answer as gold: unreadable answers are left out.
    """
    groups: list[tuple[Problem, list[Answer]]] = []
    for answer in answers:
        given = final_answer(answer.text, task.wording.last_number) if answer.finished else None
        gold = gold_answer(task.wording.kind, given) if given else None
        if gold is None:
            continue
        for problem, members in groups:
            if task.grade(problem, answer.text.strip()):
                members.append(answer)
                break
        else:
            problem = Problem(seed.id, question, gold, 0)
            if task.grade(problem, answer.text.strip()):
                groups.append((problem, [answer]))
    if sum(len(members) for _, members in groups) < agree:
        return Dropped("no_solution")
    problem, members = max(groups, key=lambda group: len(group[1]))  # the first of equals
    if len(members) < agree:
        return Dropped("disagree")
    first = members[0]
    return Row(question, first.text.strip(), problem.answer, seed.id, first.model, len(answers), len(members))
