"""Default values that several packages and the command line share. Importing this module imports nothing else."""

from __future__ import annotations

BASELINE = "sft"  # the label that methods are compared with
DRAWS = 1000  # bootstrap draws
LEVEL = 0.95  # of every interval
HUBER_DELTA = 1e-3  # of Huber's loss of log residuals; customary since Hoffmann et al. 2022 (arXiv 2203.15556)
