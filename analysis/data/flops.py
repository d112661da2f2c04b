"""Training and sampling FLOPs of the runs of a study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.cells import SizeKey
from analysis.data.results import Results

SPENT = ("flops_training", "flops_sampling")


def flops_by_cell(results: Results) -> dict[SizeKey, float]:
    """Mean FLOPs of a run, training and sampling together, by (label, N), over the rows of figure "size".

    Pretraining and evaluation are not included. Cells with a run that does not record its FLOPs, or spent none, are
    left out.
    """
    rows = results.rows[results.rows["figure"] == "size"]
    if not set(SPENT) <= set(rows):
        return {}
    total = rows[list(SPENT)].astype(float).sum(axis=1, skipna=False)
    spent: dict[SizeKey, list[float]] = {}
    for label, size, flops in zip(rows["label"], rows["problems"], total, strict=True):
        spent.setdefault((str(label), int(size)), []).append(float(flops))
    return {key: sum(every) / len(every) for key, every in spent.items() if sum(every) > 0}  # NaN is not above 0


def flops(rows: pd.DataFrame, sampling: float = 1.0) -> pd.Series[float]:
    """Training FLOPs plus `sampling` times the sampling FLOPs of each row; NaN where a row does not record them."""
    parts = [rows[name] if name in rows else pd.Series(np.nan, index=rows.index) for name in SPENT]
    training, sampled = (part.astype(float) for part in parts)
    return pd.Series(training + sampling * sampled, index=rows.index)


def sampling_flops(rows: pd.DataFrame) -> pd.Series[float]:
    """Sampling FLOPs of each row; NaN where a row does not record them."""
    return flops(rows, 1.0) - flops(rows, 0.0)
