"""Tasks by name. A task is one file with one class and its options, and one conf/task/*.yaml."""

from __future__ import annotations

from typing import Any

from synth_scaling.tasks.chain import Chain, ChainOptions
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.tasks.star_graph import StarGraph, StarGraphOptions
from synth_scaling.tasks.task import EmbeddedTask, Split, Task

TASKS: dict[str, tuple[type, type]] = {
    "maze": (Maze, MazeOptions),
    "chain": (Chain, ChainOptions),
    "star_graph": (StarGraph, StarGraphOptions),
}


def make_task(options: Any) -> EmbeddedTask:
    """The task that `options` (one of the options dataclasses) describes. Raises ValueError on impossible options."""
    key = repr(options)
    if key not in _made:  # checking a sweep asks for the same task once a job
        _made[key] = TASKS[options.name][0](options)
    return _made[key]


_made: dict[str, EmbeddedTask] = {}


__all__ = ["TASKS", "EmbeddedTask", "Split", "Task", "make_task"]
