"""The values that `figure` allows are those that the analysis reads and the sweeps of the package set."""

import re
from pathlib import Path

from analysis.claims.credit import OVER_TRAINED, TOO_FEW
from analysis.figures.ablations import SCANS
from analysis.figures.worlds import PROPERTIES
from synth_scaling.config.schema import FIGURES
from synth_scaling.config.search_path import configs

ROOT = Path(__file__).parents[2]
# The places in which the analysis selects rows by their figure.
SELECTIONS = (
    r'\["figure"\] [=!]= "(\w+)"',
    r'\["figure"\]\.isin\(\[([^\]]*)\]\)',
    r'\b(?:rows_of|draw_variants|scan|scan_rows)\([\w.]+, "(\w+)"',
)


def read_by_the_analysis() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "analysis").rglob("*.py")]
    selected = [match for text in texts for pattern in SELECTIONS for match in re.findall(pattern, text)]
    names = {name for match in selected for name in re.findall(r"\w+", match)}
    return names | {panel.figure for panel in (*SCANS, *PROPERTIES)} | {OVER_TRAINED.figure, TOO_FEW.figure}


def set_by_sweeps() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in configs("sweeps").glob("*.yaml")]
    return {name for text in texts for name in re.findall(r"\bfigure: (\w+)", re.sub(r"#.*", "", text))}


def test_every_figure_that_the_analysis_reads_or_a_sweep_sets_is_allowed() -> None:
    assert read_by_the_analysis() | set_by_sweeps() == set(FIGURES)


def test_the_analysis_reads_every_figure_but_one() -> None:
    """The paper's sweeps train best-of-k variants of advantage weighting, which only the tables show."""
    assert set(FIGURES) - read_by_the_analysis() == {"best_of"}
