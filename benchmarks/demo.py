"""The seconds of a sweep by kind of stage, from the rows of its finished runs.

    python -m benchmarks.demo [outputs/demo]

Each stored stage counts once, however many runs share it; beside it, the seconds of the runs without sharing.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path


def main(results: Path) -> None:
    """Print one line per kind of stage. Exits with a message if there are no rows."""
    once: dict[tuple[str, str], float] = {}
    again: dict[str, float] = defaultdict(float)
    for file in results.glob("runs/*/row.json"):
        row = json.loads(file.read_text())
        for stage, digest in row["hashes"].items():
            once[stage, digest] = row["seconds"][stage]
            again[stage] += row["seconds"][stage]
    if not once:
        sys.exit(f"{results}: no rows")
    print(f"{'stage':<18}{'made':>6}{'seconds':>10}{'without sharing':>18}")
    for stage in sorted(again, key=lambda name: -again[name]):
        seconds = [taken for (name, _), taken in once.items() if name == stage]
        print(f"{stage:<18}{len(seconds):>6}{sum(seconds):>10.0f}{again[stage]:>18.0f}")
    print(f"{'all':<18}{len(once):>6}{sum(once.values()):>10.0f}{sum(again.values()):>18.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/demo"))
