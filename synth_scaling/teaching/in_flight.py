"""A write-ahead file of the tries in flight: after a kill it says which requests may have been billed."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from synth_scaling.system.files import append_line, read_advisory_lines
from synth_scaling.teaching.records import Usage


@dataclass(frozen=True)
class Line:
    """A try is about to be sent, or has ended (`most` is None)."""

    attempt: str  # a random name, unique in the journal
    key: str = ""  # the request's
    most: Usage | None = None


class InFlight:
    """The tries that were started and have not ended. `path` exists while there are any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tries: dict[str, Line] = {}  # by name; at first those of a killed process
        # A line cut by a kill is skipped: a start that was not written was not sent, and an end that was not written
        # counts as lost.
        for line in read_advisory_lines(path, Line):
            if line.most is not None:
                self.tries[line.attempt] = line
            else:
                self.tries.pop(line.attempt, None)

    def start(self, key: str, most: Usage) -> str:
        """Write that a try is about to be sent, whose usage is at most `most`; returns its name."""
        line = Line(secrets.token_hex(8), key, most)
        append_line(self.path, msgspec.json.encode(asdict(line)).decode())
        self.tries[line.attempt] = line
        return line.attempt

    def end(self, attempt: str) -> None:
        """Write that the journal holds the outcome of a try, or that it cost nothing."""
        append_line(self.path, msgspec.json.encode({"attempt": attempt}).decode())
        del self.tries[attempt]

    def close(self) -> None:
        """Remove the file if no try is in flight."""
        if not self.tries:
            self.path.unlink(missing_ok=True)
