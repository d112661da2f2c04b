"""Tasks by name. A task is one file with one class and its options, and one conf/task/*.yaml.

Tasks of other packages are added through entry points: :class:`synth_scaling.core.registry.Registry`.
"""

from __future__ import annotations

from dataclasses import is_dataclass

from synth_scaling.core.registry import Registry, check_default_name
from synth_scaling.tasks.collect import Collect, CollectOptions
from synth_scaling.tasks.gsm8k import GSM8K, GSM8KOptions
from synth_scaling.tasks.gsm_symbolic import GSMSymbolic, GSMSymbolicOptions
from synth_scaling.tasks.hendrycks_math import MATH, MATHOptions
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.tasks.star_graph import StarGraph, StarGraphOptions
from synth_scaling.tasks.task import EmbeddedTask, Pictured, Split, Task, TaskOptions, embedded, grade_all
from synth_scaling.tasks.word_stories import WordStories, WordStoriesOptions
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions

_BUILT_IN: dict[str, tuple[type, type[TaskOptions]]] = {
    "maze": (Maze, MazeOptions),
    "star_graph": (StarGraph, StarGraphOptions),
    "collect": (Collect, CollectOptions),
    "word_sums": (WordSums, WordSumsOptions),
    "word_stories": (WordStories, WordStoriesOptions),
    "gsm8k": (GSM8K, GSM8KOptions),
    "math": (MATH, MATHOptions),
    "gsm_symbolic": (GSMSymbolic, GSMSymbolicOptions),
}


def _checked(name: str, component: object) -> tuple[type, type[TaskOptions]]:
    """A plugin's task. Raises ValueError unless it is a class with its options dataclass."""
    match component:
        case (type() as task, type() as options) if issubclass(options, TaskOptions) and is_dataclass(options):
            check_default_name(name, options)
            return task, options
    raise ValueError(f"{component!r}; allowed is a pair (task class, dataclass that derives from TaskOptions)")


TASKS: Registry[tuple[type, type[TaskOptions]]] = Registry("tasks", _BUILT_IN, _checked)


def embedded_tasks() -> tuple[str, ...]:
    """Names of the tasks that have a vocabulary and a corpus, so that a base model can be pretrained for them."""
    return tuple(name for name, (task, _) in TASKS.items() if hasattr(task, "corpus"))


def make_task(options: TaskOptions) -> Task:
    """The task with these options. Raises ValueError for options that cannot be."""
    key = repr(options)
    if key not in _tasks:  # checking a sweep needs the same task once per run
        _tasks[key] = TASKS[options.name][0](options)
    return _tasks[key]


_tasks: dict[str, Task] = {}


__all__ = [
    "TASKS",
    "EmbeddedTask",
    "Pictured",
    "Split",
    "Task",
    "TaskOptions",
    "embedded",
    "embedded_tasks",
    "grade_all",
    "make_task",
]
