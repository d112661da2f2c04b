"""Default values that several packages and the command line share. Importing this module imports nothing else."""

from __future__ import annotations

from typing import Literal, get_args

BASELINE = "sft"  # the label that methods are compared with
ErrorMeasure = Literal["greedy", "sampled"]  # of the greedy response, or of one sample at a temperature
ERROR_MEASURES: tuple[ErrorMeasure, ...] = get_args(ErrorMeasure)
GREEDY: ErrorMeasure = "greedy"  # the default
DRAWS = 1000  # bootstrap draws
LEVEL = 0.95  # of every interval
HUBER_DELTA = 1e-3  # of Huber's loss of log residuals; customary since Hoffmann et al. 2022 (arXiv 2203.15556)
