"""Default values that several packages and the command line share. Importing this module imports nothing else."""

from __future__ import annotations

BASELINE = "sft"  # the label that methods are compared with
# Of the greedy response ("greedy"), of one sample at a temperature ("sampled"), or of k samples, all of which are
# incorrect with probability 1 - pass@k ("pass@4").
ErrorMeasure = str
GREEDY: ErrorMeasure = "greedy"  # the default
SAMPLED: ErrorMeasure = "sampled"
ERROR_MEASURES = (GREEDY, SAMPLED)  # shown side by side where a table has several
PASS_AT = "pass@"
DRAWS = 1000  # bootstrap draws
LEVEL = 0.95  # of every interval
HUBER_DELTA = 1e-3  # of Huber's loss of log residuals; customary since Hoffmann et al. 2022 (arXiv 2203.15556)


def pass_at(measure: ErrorMeasure) -> int | None:
    """k of "pass@k"; None for another error measure.

    Raises:
        ValueError: no error measure at all.
    """
    number = measure.removeprefix(PASS_AT)
    if measure in ERROR_MEASURES:
        return None
    if number == measure or not number.isdecimal() or int(number) < 1:
        raise ValueError(f"should be greedy, sampled or pass@K, for instance pass@4, not {measure!r}")
    return int(number)
