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
    cls, _ = TASKS[options.name]
    return cls(options)


__all__ = ["TASKS", "EmbeddedTask", "Split", "Task", "make_task"]
