"""What a study shows, in a few sentences: what was run, what each label is worth, what is undecided, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.data.cells import sizes_of
from analysis.study.degenerate import degenerate_notes
from analysis.study.differences import Difference
from analysis.study.mean_multipliers import Summary
from analysis.study.multipliers import Multiplier
from analysis.study.study import Study


def sentences(study: Study) -> list[str]:
    """The summary, one sentence or two a line. Labels are text from outside, to be escaped where they are shown."""
    return [_runs(study), *_baseline(study), *_labels(study), *_undecided(study), *degenerate_notes(study.results)]


def _runs(study: Study) -> str:
    """E.g. "collect: 54 runs of 5 labels, 3 seeds, N = 100 to 3200, 1,000 test problems. Error: ..."."""
    labels = {label for label, _ in study.cells}
    sizes = sorted({size for _, size in study.cells})
    cells = study.cells.values()
    runs, seeds = sum(len(cell.seeds) for cell in cells), {seed for cell in cells for seed in cell.seeds}
    problems = max(cell.wrong.shape[1] for cell in cells)
    return (
        f"{study.task}: {_count(runs, 'run')} of {_count(len(labels), 'label')}, {_count(len(seeds), 'seed')}, "
        f"N = {_range(sizes)}, {problems:,} test problems. Errors are {study.error_name}; intervals are 95 %."
    )


def _baseline(study: Study) -> Iterator[str]:
    """How the baseline's error falls."""
    label = study.baseline
    sizes = sizes_of(study.cells, label) if any(name == label for name, _ in study.cells) else []
    if len(sizes) < 2:
        yield f"There is nothing to compare with: {label}, the baseline, has {_count(len(sizes), 'size')}."
        return
    first, last = (100 * study.draws.error[label, size] for size in (sizes[0], sizes[-1]))
    law = ""
    if label in study.curves:
        curve = study.curves[label]
        low, high = curve.exponent_interval()
        law = f", about as 1 / N^alpha with alpha = {curve.fit.law.exponent:.2f} [{low:.2f}, {high:.2f}]"
    yield f"{label}: error goes from {first:.1f} % at N = {sizes[0]} to {last:.1f} % at N = {sizes[-1]}{law}."
    if study.no_multipliers:
        yield f"What data is worth cannot be read: {study.no_multipliers}."


def _labels(study: Study) -> Iterator[str]:
    """One line a label, the best first: where its error lies, and how much of the baseline's data it is worth."""
    differences = _by_label(study)
    means = {one.label: one for one in study.data_efficiency.summaries}

    def gain(label: str) -> tuple[float, float]:
        mean_difference = sum(one.difference for one in differences[label]) / len(differences[label])
        return (-means[label].value if label in means else 0.0), mean_difference

    for label in sorted(differences, key=gain):
        bounds = [one for one in study.multipliers if one.label == label]
        worth = _worth(means.get(label), bounds, study.baseline)
        yield f"{label}: {_verdict(differences[label], study.baseline)}{worth}."


def _verdict(differences: Sequence[Difference], baseline: str) -> str:
    """E.g. "below sft at N = 200 and 400, not told from sft at N = 100"."""
    words = {"below": f"below {baseline}", "above": f"above {baseline}", "inconclusive": f"not told from {baseline}"}
    by_verdict = {verdict: [one.size for one in differences if one.verdict == verdict] for verdict in words}
    parts = [
        f"{words[verdict]} at {'every ' * (len(sizes) == len(differences) > 1)}N = {_listed(sizes)}"
        for verdict, sizes in by_verdict.items()
        if sizes
    ]
    return ", ".join(parts)


def _worth(mean: Summary | None, multipliers: Sequence[Multiplier], baseline: str) -> str:
    """E.g. "; worth 2.0x the data of sft [1.8, 2.3], more as N grows"."""
    if mean is not None:
        of, interval = f" the data of {baseline}", mean.interval_text()
        trend = {"grows": ", more of it as N grows", "shrinks": ", less of it as N grows"}.get(mean.verdict, "")
        value = mean.short().removeprefix(">= ").removeprefix("<= ")
        bound = {"exact": "worth", "at least": "worth at least", "at most": "worth at most"}[mean.bound]
        return f"; {bound} {value}{of} [{interval}]{trend}"
    if multipliers:
        return f"; beyond the range of {baseline}'s law at every N, so its worth is a bound alone"
    return ""


def _undecided(study: Study) -> Iterator[str]:
    """Which comparisons are undecided, how wide their intervals are, and what would narrow them."""
    differences = [one for found in _by_label(study).values() for one in found]
    open_ones = [one for one in differences if one.verdict == "inconclusive"]
    if not differences:
        return
    if not open_ones:
        which = "The comparison" if len(differences) == 1 else f"All {len(differences)} comparisons"
        yield f"{which} with {study.baseline} {'is' if len(differences) == 1 else 'are'} decided."
        return
    half = 100 * max((one.high - one.low) / 2 for one in open_ones)
    seeds = min(len(cell.seeds) for cell in study.cells.values())
    reason = {1: "one seed describes itself alone"}.get(
        seeds, f"{seeds} seeds leave {max(1, seeds - 1)} degrees of freedom"
    )
    yield (
        f"Undecided are {len(open_ones)} of {len(differences)} comparisons with {study.baseline}: their intervals "
        f"reach up to {half:.1f} points to either side ({reason}); more seeds or test problems narrow them."
    )


def _by_label(study: Study) -> dict[str, list[Difference]]:
    """label -> its differences from the baseline by N; empty without a baseline."""
    if not any(label == study.baseline for label, _ in study.cells):
        return {}
    found: dict[str, list[Difference]] = {}
    for one in study.differences:
        found.setdefault(one.label, []).append(one)
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _range(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def _listed(sizes: Sequence[int]) -> str:
    """E.g. "100, 200 and 400"."""
    return str(sizes[0]) if len(sizes) == 1 else f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"
