"""The table of a check: printed line by line, and written as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from synth_scaling.certificate.part import OK, Line, Measures, Setup
from synth_scaling.certificate.parts import PARTS
from synth_scaling.system.files import write_text

HEADER = f"{'part':32}{'result':10}{'seconds':>8}{'GPU GiB':>9}{'host GiB':>9}"


def printed(line: Line) -> str:
    """The line of a part, then its measures or its reason below it."""
    numbers = f"{line.seconds:8.1f}{_gib(line.device_memory):>9}{_gib(line.memory):>9}" if line.seconds else ""
    below = [line.reason] if line.reason else _wrapped(formatted(line.measures))
    return "\n".join(
        [f"{PARTS[line.part].title:32}{line.status:10}{numbers}".rstrip(), *(f"    {text}" for text in below)]
    )


def write(folder: Path, setup: Setup, lines: Sequence[Line], seconds: float) -> None:
    """`gpu_check.json` and `gpu_check.md` in `folder`."""
    record = {"setup": asdict(setup), "seconds": seconds, "lines": [asdict(line) for line in lines]}
    write_text(folder / "gpu_check.json", json.dumps(record, indent=1))
    write_text(folder / "gpu_check.md", "\n".join(markdown(lines)) + "\n")


def markdown(lines: Iterable[Line]) -> Iterable[str]:
    yield "| part | result | seconds | GPU GiB | host GiB | measures |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for line in lines:
        words = line.reason or ", ".join(formatted(line.measures))
        ran = line.status == OK
        yield (
            f"| {PARTS[line.part].title} | {line.status} | {f'{line.seconds:.1f}' if line.seconds else ''} "
            f"| {_gib(line.device_memory) if ran else ''} | {_gib(line.memory) if ran else ''} "
            f"| {words.replace('|', '/')} |"
        )


def formatted(measures: Measures) -> list[str]:
    """Each measure as `name value`, numbers with four significant digits."""
    return [f"{name.replace('_', ' ')} {_number(value)}" for name, value in measures.items()]


def _number(value: float | int | str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else value


def _wrapped(texts: Sequence[str], width: int = 112) -> list[str]:
    rows: list[str] = []
    for text in texts:
        if rows and len(rows[-1]) + len(text) + 2 <= width:
            rows[-1] += f", {text}"
        else:
            rows.append(text)
    return rows


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}" if size else "-"
