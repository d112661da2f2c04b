"""The records that the command, its child processes and its parts share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

from synth_scaling.system.files import append_line, write_text

Measures = Mapping[str, float | int | str | bool]

OK, FAILED, LEFT_OUT = "ok", "failed", "left out"
LINES, RUNNING = "lines.jsonl", "running"  # files of the worker


@dataclass(frozen=True)
class Setup:
    """The settings of one check. `folder` holds the parts' files; `model` is a folder, a cached hub id or the wheel."""

    folder: str
    model: str
    small: bool  # few rows, for a CPU
    cuda: bool
    threads: int = 1
    slow_bfloat16: str | None = None  # why bfloat16 is not used in training, and parts about it are left out

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def write(self) -> None:
        write_text(self.path / "setup.json", json.dumps(asdict(self)))

    @staticmethod
    def read(folder: Path) -> Setup:
        return Setup(**json.loads((folder / "setup.json").read_text()))


@dataclass(frozen=True)
class Part:
    """One line of the table: the function `call` of the module `module` here takes a Setup and returns Measures."""

    title: str
    module: str
    call: str
    cuda: bool = False  # only a GPU can show it
    vllm: bool = False
    bfloat16: bool = False  # it shows nothing else
    after: tuple[str, ...] = ()  # parts whose files it reads

    def function(self) -> Callable[[Setup], Measures]:
        """Imported when it is called: the command itself needs neither torch nor vLLM."""
        return getattr(import_module(f"{__package__}.{self.module}"), self.call)


@dataclass(frozen=True)
class Line:
    """The result of a part: seconds with loading, and peak memory in bytes of the device and of the host."""

    part: str
    status: str  # OK, FAILED or LEFT_OUT
    reason: str = ""  # why it failed or was left out
    seconds: float = 0.0
    device_memory: int = 0
    memory: int = 0
    measures: Measures = field(default_factory=dict)

    def append(self, file: Path) -> None:
        append_line(file, json.dumps(asdict(self)))


def read_lines(file: Path) -> list[Line]:
    """The lines that were written so far; a last one that is cut off is left for the next reading."""
    text = file.read_text() if file.exists() else ""
    return [Line(**json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]
