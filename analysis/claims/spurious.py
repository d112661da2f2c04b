"""Per-step negatives leave fewer spurious steps in correct responses."""

from __future__ import annotations

import math

import pandas as pd

from analysis.claims.claim import POINTS, Claim, Question, Rule
from analysis.defaults import BASELINE, GREEDY, LEVEL
from analysis.stats.estimates import MOST_SEEDS, Estimate, narrowing, phrase
from analysis.study.study import Study

METHOD = "step_dpo"

QUESTION = Question(
    "per-step negatives leave fewer spurious steps",
    "step_values",
    POINTS,
    Rule(
        f"share of spurious steps in correct test responses, {METHOD} minus {BASELINE}, mean over N, t interval over "
        "seeds; holds: below 0; contradicted: above",
        (0.0,),
        ("holds", "contradicted"),
    ),
    f'{BASELINE} and {METHOD} over N on a task that marks spurious steps (rows with figure "size")',
)


def claims(study: Study) -> list[Claim]:
    """The claim from differences paired by (N, seed) and averaged over N: rows hold no steps per problem."""
    apart = _differences(study)
    if apart.empty:
        return [QUESTION.not_run(study.task)]
    by_seed = apart.mean(axis=1)
    seeds, value = len(by_seed), float(by_seed.mean())
    half = math.inf
    if seeds > 1:
        from scipy.special import stdtrit  # Student's quantiles; imported late, since scipy loads slowly

        half = float(stdtrit(seeds - 1, (1 + LEVEL) / 2) * by_seed.std(ddof=1) / math.sqrt(seeds))
    interval = Estimate(value, value - half, value + half)
    factor = narrowing(interval, QUESTION.rule.cuts)
    if seeds < 2:
        needed = "a second seed: one seed does not show the variance between seeds"
    elif factor > 0:
        needed = phrase(seeds / factor**2 - seeds, MOST_SEEDS, "seeds")
    else:
        needed = "other responses: the shares of both methods are equal, as in a task without spurious steps"
    sizes = ", ".join(str(size) for size in apart.columns)
    return [QUESTION.settled(study.task, interval, needed, f"N = {sizes}; {seeds} seeds", least=seeds > 1)]


def _differences(study: Study) -> pd.DataFrame:
    """Method minus baseline, seeds (rows) by N (columns); empty where no pair of rows records its share.

    By greedy error the shares are those of greedy responses, by the others those of samples.
    """
    rows, share = study.results.rows, "spurious_share" if study.results.measure == GREEDY else "sampled_spurious_share"
    if share not in rows:
        return pd.DataFrame()
    rows = rows[(rows["figure"] == "size") & rows["label"].isin([BASELINE, METHOD])]
    rows = rows.assign(**{share: rows[share].astype(float)}).dropna(subset=share)
    shares = rows.pivot_table(index=["seed", "problems"], columns="label", values=share)
    if not {BASELINE, METHOD} <= set(shares.columns):
        return pd.DataFrame()
    apart = (shares[METHOD] - shares[BASELINE]).dropna()
    return apart.unstack("problems") if len(apart) else pd.DataFrame()
