"""One claim of a study with chosen error rates."""

from __future__ import annotations

from collections.abc import Callable

from analysis.claims import Claim
from analysis.data.results import Results
from analysis.study.study import Study
from tests.support.made_rows import Point, point, results_of

SIZES = (100, 200, 400, 800, 1600, 3200)
DRAWS = 400


def curve(label: str, amplitude: float, exponent: float = 0.5, sizes=SIZES, **fields) -> list[Point]:
    return [point(label, n, min(amplitude * n**-exponent, 0.98), **fields) for n in sizes]


def ask_one(points: list[Point] | Results, ask: Callable[[Study], list[Claim]], words: str, **options) -> Claim:
    """The one claim of `ask` that contains `words`."""
    results = points if isinstance(points, Results) else results_of(points, **options)
    (task,) = set(results.rows["task"])
    (result,) = (one for one in ask(Study(results.select(task=task), n_draws=DRAWS)) if words in one.claim)
    return result
