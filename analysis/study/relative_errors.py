"""Errors relative to a reference label, at equal data and at equal FLOPs: the numbers of a price list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.arrays import Floats
from analysis.data.cells import SizeKey
from analysis.stats.bootstrap import Draws, percentile_interval
from analysis.study.baseline_law import BaselineLaw
from analysis.study.curves import fit_curve
from analysis.study.study import Study

Equal = Literal["data", "FLOPs"]


@dataclass(frozen=True)
class RelativeError:
    """The error of a label at one N over that of a reference which was given as much.

    Attributes:
        equal: "data": the reference's runs at the same N; "FLOPs": the reference's fitted law at the FLOPs of the
            label's runs, training and sampling together.
        ratio, low, high: below 1 the label is better; 95 % paired interval.
    """

    label: str
    size: int
    reference: str
    equal: Equal
    ratio: float
    low: float
    high: float


def relative_errors(study: Study, references: Sequence[str], size: int) -> list[RelativeError]:
    """The relative errors of every label at N = `size`, against each reference that was run there, in both ways.

    Left out: a reference against itself at equal data; at equal FLOPs, labels that spent less than the reference's
    smallest run or more than its largest, all labels where rows do not record FLOPs, and a reference without a law.
    """
    lines: list[RelativeError] = []
    labels = sorted(label for label, n in study.cells if n == size)
    for reference in references:
        if (reference, size) not in study.cells:
            continue
        lines += _at_equal_data(study.draws, labels, reference, size)
        lines += _at_equal_flops(study, labels, reference, size)
    return lines


def _at_equal_data(draws: Draws[SizeKey], labels: Sequence[str], reference: str, size: int) -> list[RelativeError]:
    theirs = draws.error[reference, size], draws.resampled[reference, size]
    return [
        RelativeError(label, size, reference, "data", *_ratio((label, size), draws, *theirs))
        for label in labels
        if label != reference
    ]


def _at_equal_flops(study: Study, labels: Sequence[str], reference: str, size: int) -> list[RelativeError]:
    law = _law_against_flops(study, reference)
    if law is None:
        return []
    lines = []
    for label in labels:
        spent = study.flops.get((label, size))
        if label == reference or spent is None or not law.smallest <= spent <= law.largest:
            continue
        theirs = float(law.law.predict(spent)), law.predict([spent])[:, 0]
        lines.append(RelativeError(label, size, reference, "FLOPs", *_ratio((label, size), study.draws, *theirs)))
    return lines


def _law_against_flops(study: Study, reference: str) -> BaselineLaw | None:
    """The reference's law of error against FLOPs; None where it has none."""
    flops: Mapping[SizeKey, float] = study.flops
    try:
        return fit_curve(study.cells, study.draws, reference, flops).baseline_law
    except ValueError:
        return None


def _ratio(key: SizeKey, draws: Draws[SizeKey], error: float, resampled: Floats) -> tuple[float, float, float]:
    """The ratio of a cell's error to another one, with its interval; NaN over an error of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.float64(draws.error[key]) / np.float64(error))
        return (ratio, *percentile_interval(np.nan_to_num(draws.resampled[key] / resampled, nan=np.inf, posinf=1e9)))
