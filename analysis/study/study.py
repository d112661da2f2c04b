"""One study: the numbers that tables, figures, claims, plans, the page and the W&B run show, each computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from analysis.data.cells import Cell, SizeKey, size_cells, sizes_of
from analysis.data.flops import flops_by_cell
from analysis.data.results import Results
from analysis.data.scans import grid, positives_grid
from analysis.defaults import BASELINE, DRAWS
from analysis.errors import InputError
from analysis.stats.bootstrap import Draws
from analysis.stats.estimates import Sample
from analysis.stats.overdispersion import Overdispersion, overdispersion
from analysis.study.curves import Curve, fit_curve, fit_curves
from analysis.study.differences import Difference, compare, compare_sizes
from analysis.study.efficiency import RelativeEfficiency, no_efficiency, relative_efficiency
from analysis.study.grids import GridStudy
from analysis.study.multipliers import Multiplier
from analysis.study.offers import Offers, offers
from analysis.study.outlook import Outlook, outlook
from analysis.study.sharpness import NextSteps, TemperaturePoint, coverage_cells, errors_by_temperature, next_steps

# Properties that do not depend on the baseline.
SHARED = (
    "sample",
    "_fitted",
    "spreads",
    "flops",
    "offers",
    "_outlooks",
    "grids",
    "positives_grid",
    "temperatures",
    "next_steps",
    "coverage",
)


@dataclass(frozen=True, eq=False)
class Study:
    """The analysis of one task's rows; every property is computed when it is first asked for, and once.

    The properties of error against N read the rows whose figure is "size". They raise InputError for rows of several
    tasks and for two runs of one seed at one point; differences also where the baseline has no runs.

    Attributes:
        results: the rows.
        baseline: the label that the others are compared with.
        n_draws: number of bootstrap draws, B.
        seed: of the bootstrap's random numbers.
    """

    results: Results
    baseline: str = BASELINE
    n_draws: int = DRAWS
    seed: int = 0

    @property
    def task(self) -> str:
        """The rows' task."""
        return str(self.results.rows["task"].iloc[0])

    @property
    def error_name(self) -> str:
        """The error that the study shows, e.g. "test error, greedy"."""
        return self.results.error_name

    @property
    def error_title(self) -> str:
        """The same as the first words of a title or caption."""
        return self.error_name[:1].upper() + self.error_name[1:]

    @cached_property
    def sample(self) -> Sample:
        """The cells of error against N by (label, N), with their bootstrap; empty without such rows."""
        return Sample(size_cells(self.results), self.n_draws, self.seed)

    @property
    def cells(self) -> Mapping[SizeKey, Cell]:
        """The cells of error against N, by (label, N)."""
        return self.sample.points

    @property
    def draws(self) -> Draws[SizeKey]:
        """Their bootstrap draws."""
        return self.sample.drawn

    @cached_property
    def _fitted(self) -> tuple[dict[str, Curve], dict[str, str]]:
        return fit_curves(self.cells, self.draws)

    @property
    def curves(self) -> Mapping[str, Curve]:
        """label -> its curve with fitted laws, for the labels that have one."""
        return self._fitted[0]

    @property
    def unfitted(self) -> Mapping[str, str]:
        """label -> why it has no fitted law."""
        return self._fitted[1]

    @cached_property
    def spreads(self) -> Mapping[str, Overdispersion]:
        """label -> the variance between its seeds relative to chance, over all its sizes."""
        labels = sorted({label for label, _ in self.cells})
        return {label: overdispersion(self.cells[label, n] for n in sizes_of(self.cells, label)) for label in labels}

    @cached_property
    def flops(self) -> Mapping[SizeKey, float]:
        """Mean training and sampling FLOPs of a run by (label, N), where rows record them."""
        return flops_by_cell(self.results)

    @cached_property
    def _outlooks(self) -> dict[str, Outlook | None]:
        return {}

    def outlook(self, label: str) -> Outlook | None:
        """The predicted errors beyond a label's largest N, computed once; None where it has too few sizes."""
        if label not in self._outlooks:
            try:
                self._outlooks[label] = outlook(self.curves[label])
            except ValueError:
                self._outlooks[label] = None
        return self._outlooks[label]

    @property
    def outlooks(self) -> Mapping[str, Outlook]:
        """label -> its predicted errors beyond its largest N, for labels with enough sizes."""
        known = {label: self.outlook(label) for label in self.curves}
        return {label: one for label, one in known.items() if one is not None}

    @cached_property
    def offers(self) -> Offers:
        """Every configuration of all figures with its error and cost. Raises InputError for rows without FLOPs."""
        return offers(self.results, self.n_draws, self.seed)

    @cached_property
    def data_efficiency(self) -> RelativeEfficiency:
        """Multipliers in problems."""
        if self.baseline not in self.curves:
            return no_efficiency(self.unfitted.get(self.baseline, "it has no runs"))
        spent = {key: float(key[1]) for key in self.cells}
        return relative_efficiency(self.draws, self.curves[self.baseline], spent, "N")

    @cached_property
    def compute_efficiency(self) -> RelativeEfficiency:
        """Multipliers in FLOPs."""
        try:
            curve = fit_curve(self.cells, self.draws, self.baseline, self.flops)
        except ValueError as error:
            return no_efficiency(str(error))
        return relative_efficiency(self.draws, curve, self.flops, "FLOPs")

    @property
    def multipliers(self) -> tuple[Multiplier, ...]:
        """M(N) in problems, by label and size; empty where there are none."""
        return self.data_efficiency.multipliers

    @property
    def no_multipliers(self) -> str:
        """Why there are no multipliers in problems; empty if there are."""
        return self.data_efficiency.reason

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every label against the baseline, at each N that both were run at."""
        return tuple(compare(self.cells, self.draws, self.baseline))

    @cached_property
    def size_steps(self) -> tuple[Difference, ...]:
        """The baseline's sizes, each against the one two places smaller."""
        return tuple(compare_sizes(self.cells, self.draws, self.baseline))

    @cached_property
    def grids(self) -> Mapping[str, GridStudy]:
        """method -> its grid over problems and negatives, for methods with enough rows of figure "grid"."""
        rows = self.results.rows
        methods = sorted(set(rows.loc[rows["figure"] == "grid", "method"]))
        grids = {method: grid(self.results, method, BASELINE) for method in methods}
        return {method: GridStudy(one, self.n_draws) for method, one in grids.items() if one is not None}

    @cached_property
    def positives_grid(self) -> GridStudy | None:
        """RFT's grid over problems and positives; None without enough rows of figure "positives"."""
        points = positives_grid(self.results)
        return None if points is None else GridStudy(points, self.n_draws)

    @cached_property
    def temperatures(self) -> tuple[TemperaturePoint, ...]:
        """Test error against the temperature of sampling, by label and N; empty where rows have no sampled errors."""
        return errors_by_temperature(self.results)

    @cached_property
    def next_steps(self) -> tuple[NextSteps, ...]:
        """Among how many correct next steps policies choose, by label, N and temperature; empty if not measured."""
        return next_steps(self.results)

    @cached_property
    def coverage(self) -> Sample:
        """Cells by (label, N, k) whose error is 1 - pass@k, with their bootstrap; empty where rows have no samples."""
        return Sample(coverage_cells(self.results), self.n_draws, self.seed)

    @cached_property
    def sampled(self) -> Study | None:
        """The same study by the error of one sample; None where no row has samples."""
        if not self.results.has_samples:
            return None
        return replace(self, results=self.results.measured_by("sampled", f"task {self.task}"))

    def shared_sizes(self, *labels: str) -> list[int]:
        """The N at which all of these labels were run, ascending; empty where one was not run."""
        return sorted(set.intersection(*({n for name, n in self.cells if name == label} for label in labels)))

    def require_cells(self) -> None:
        """Raise InputError if there are no rows of error against N."""
        if not self.cells:
            raise InputError('no rows whose figure is "size": run a sweep over N first')

    def with_baseline(self, baseline: str) -> Study:
        """The same study compared with another label; shares everything that does not depend on the baseline."""
        if baseline == self.baseline:
            return self
        other = replace(self, baseline=baseline)
        other.__dict__.update({name: self.__dict__[name] for name in SHARED if name in self.__dict__})
        return other


def examine(results: Results, baseline: str = BASELINE, draws: int = DRAWS, seed: int = 0) -> Study:
    """The study of one task's rows, after a check that it can be analysed.

    Raises:
        InputError: no rows of figure "size", none of the baseline, several tasks, or two runs of a seed at one point.
    """
    study = Study(results, baseline, draws, seed)
    study.require_cells()
    sizes_of(study.cells, baseline)
    return study
