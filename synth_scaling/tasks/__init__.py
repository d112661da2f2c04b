"""Tasks by name. A task is one file with one class and its options, and one conf/task/*.yaml."""

from __future__ import annotations

from synth_scaling.tasks.chain import Chain, ChainOptions
from synth_scaling.tasks.collect import Collect, CollectOptions
from synth_scaling.tasks.gsm8k import GSM8K, GSM8KOptions
from synth_scaling.tasks.gsm_symbolic import GSMSymbolic, GSMSymbolicOptions
from synth_scaling.tasks.hendrycks_math import MATH, MATHOptions
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.tasks.star_graph import StarGraph, StarGraphOptions
from synth_scaling.tasks.task import EmbeddedTask, Split, Task, TaskOptions, embedded, grade_all
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions

TASKS: dict[str, tuple[type, type[TaskOptions]]] = {
    "maze": (Maze, MazeOptions),
    "chain": (Chain, ChainOptions),
    "star_graph": (StarGraph, StarGraphOptions),
    "collect": (Collect, CollectOptions),
    "word_sums": (WordSums, WordSumsOptions),
    "gsm8k": (GSM8K, GSM8KOptions),
    "math": (MATH, MATHOptions),
    "gsm_symbolic": (GSMSymbolic, GSMSymbolicOptions),
}

EMBEDDED = tuple(name for name, (task, _) in TASKS.items() if hasattr(task, "corpus"))  # tasks that make a base model


def make_task(options: TaskOptions) -> Task:
    """The task that `options` (one of the options dataclasses) describes. Raises ValueError on impossible options."""
    key = repr(options)
    if key not in _made:  # checking a sweep asks for the same task once a job
        _made[key] = TASKS[options.name][0](options)
    return _made[key]


_made: dict[str, Task] = {}


__all__ = ["EMBEDDED", "TASKS", "EmbeddedTask", "Split", "Task", "TaskOptions", "embedded", "grade_all", "make_task"]
