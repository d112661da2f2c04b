"""Progress of work that takes minutes: a bar on a terminal, and a line in the log every 20 s elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tqdm import tqdm

EVERY = 20.0  # [seconds] between two lines

log = logging.getLogger("synth_scaling")


class Progress(tqdm):
    """A bar of tqdm, with its arguments; where standard error is no terminal, log lines such as "  pairs: 32 of 1788".

    `desc` names what is counted. Work that is over within 20 s has no line.
    """

    monitor_interval = 0  # no thread: work calls `update` often enough

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.drawn, self.spoke = sys.stderr.isatty(), time.monotonic()
        often = {} if self.drawn else {"mininterval": 0, "miniters": 1}  # `display` is asked at each update
        # Never disabled, as by TQDM_DISABLE: vLLM divides by the time that the bar has run, which is then 0.
        super().__init__(*arguments, **often, **options | {"disable": False})

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Draw the bar, or log a line if the last one is 20 s old."""
        if self.drawn:
            return bool(super().display(msg, pos))
        if self.total and time.monotonic() - self.spoke >= EVERY:
            self.spoke = time.monotonic()
            log.info("  %s: %d of %d", self.desc, self.n, self.total)
        return True

    def close(self) -> None:
        """Leave the bar where it is; there is nothing to end in a log."""
        if not self.drawn:
            self.disable = True  # tqdm would end the line of its bar
        super().close()
