"""The reason of a failure, as one word and one line, derived from an exception and its causes.

Nothing heavy is imported: exceptions of torch, vLLM and Hydra are recognised by the names of their classes, and errors
without a specific class (of safetensors and torch's allocator) by their message.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from synth_scaling.core.validation import ConfigError
from synth_scaling.system.files import read_advisory, write_text
from synth_scaling.system.signals import Interrupted

LONGEST = 300  # characters of a line
FAILURE = "failure.json"  # file of a failed run's folder


@dataclass(frozen=True)
class Reason:
    """`kind` is one of `KINDS`; `line` describes the failure without a line break."""

    kind: str
    line: str


class ChildFailed(RuntimeError):
    """A child process failed: it recorded the reason before it ended, or is known to have been killed."""

    def __init__(self, reason: Reason, details: str) -> None:
        super().__init__(reason, details)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason.line}\n{self.args[1]}"


def reason(error: BaseException) -> Reason:
    """The reason of `error`: the first kind of `KINDS` that it, or one of its causes, belongs to."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, ChildFailed):
            return cause.reason
    for kind, is_it in KINDS.items():
        for cause in chain:
            if is_it(cause):
                return Reason(kind, _line(cause))
    return Reason("error", _line(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, then the chain of its causes and contexts, except suppressed contexts."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _line(error: BaseException) -> str:
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, Interrupted | FloatingPointError | ConfigError):
        return words[:LONGEST]
    return f"{type(error).__name__}: {words}".removesuffix(": ")[:LONGEST]


def _named(*names: str) -> Callable[[BaseException], bool]:
    """Whether an exception's class, or one that it derives from, has one of these names."""
    return lambda error: any(kind.__name__ in names for kind in type(error).__mro__)


def _saying(*words: str) -> Callable[[BaseException], bool]:
    return lambda error: any(word in str(error) for word in words)


def _numbered(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _any(*tests: Callable[[BaseException], bool]) -> Callable[[BaseException], bool]:
    return lambda error: any(test(error) for test in tests)


# The order matters, since one failure causes others: a process that receives a termination signal loses its children,
# and a full disk leaves files missing.
KINDS: dict[str, Callable[[BaseException], bool]] = {
    "interrupted": _named("Interrupted", "KeyboardInterrupt"),
    "disk_full": _any(
        _numbered(errno.ENOSPC, errno.EDQUOT),
        _saying("No space left on device", "Disk quota exceeded", "StorageFull"),
        _saying("PytorchStreamWriter failed writing", "inline_container.cc"),  # all that torch.save reports
    ),
    "out_of_memory": _any(
        _named("MemoryError", "OutOfMemoryError"),
        _numbered(errno.ENOMEM),
        _saying("can't allocate memory", "Cannot allocate memory", "CUDA out of memory"),
    ),
    "diverged": _named("FloatingPointError"),
    "engine_died": _any(_named("BrokenProcessPool", "EngineDeadError"), _saying("Engine core init")),
    "configuration": _named("ConfigError", "HydraException", "OmegaConfBaseException"),
    "missing_data": _any(
        _named("FileNotFoundError"), _saying("No such file or directory", "no file named", "not have a file named")
    ),
    "error": lambda error: False,
}


@dataclass(frozen=True)
class Failure:
    """The reason why a run has no result, and the launch in which it failed."""

    kind: str
    line: str
    launch: str = ""

    def write(self, folder: Path) -> None:
        write_text(folder / FAILURE, json.dumps(asdict(self)))

    @staticmethod
    def read(folder: Path) -> Failure | None:
        """The failure recorded in a run's folder; None if there is none that can be read."""
        return read_advisory(folder / FAILURE, Failure)
