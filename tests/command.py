"""The command in a process of its own. Apart from the tests, whose imports such a process would pay for."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def main(folder: Path, arguments: list[str]) -> None:
    """`python -m synth_scaling` in this process, which is the command's own."""
    os.chdir(folder)
    for name, stream in (("out", 1), ("err", 2)):
        os.dup2(os.open(f"{folder}.{name}", os.O_CREAT | os.O_WRONLY), stream)
    sys.argv = ["synth_scaling", *arguments]
    runpy.run_module("synth_scaling", run_name="__main__", alter_sys=True)
