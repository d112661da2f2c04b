"""Options of the searches for step values, conf/credit/*.yaml, and the searches that each method supports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.validation import ConfigError, above_zero, at_least, between, one_of
from synth_scaling.credit.adaptive import Adaptive
from synth_scaling.credit.bisection import Bisection
from synth_scaling.credit.evidence import Search
from synth_scaling.credit.exact import Exact
from synth_scaling.credit.exhaustive import Exhaustive


@dataclass
class CreditOptions:
    """conf/credit/exhaustive.yaml: Monte Carlo values of all steps, one after the other."""

    rollouts: int = 16  # [completions per prefix] K, for incorrect responses; with few, chance places first errors
    positive_rollouts: int = 4  # [completions per prefix] K, for correct responses, which have no first error
    temperature: float = 1.0  # of the completions
    stop_at_zero: bool = True  # in an incorrect response, nothing is sampled after a prefix with no correct completion
    # prefixes with their correct completions may be chosen among the positives
    as_positives: bool = field(default=False, metadata=ADDED)
    name: str = field(default="exhaustive", metadata=ADDED)


@dataclass
class BisectOptions(CreditOptions):
    """conf/credit/bisect.yaml: binary search for the first error, `rollouts` completions per visited prefix."""

    reuse: bool = True  # completions count for every prefix that they pass through, as do the initial rollouts
    name: str = "bisect"


@dataclass
class AdaptiveOptions(CreditOptions):
    """conf/credit/adaptive.yaml: completions until a test decides whether a prefix is dead, at most `rollouts`."""

    rollouts: int = 32  # [completions per prefix] at most
    epsilon: float = 0.1  # a prefix is dead if its value is below this ...
    confidence: float = 0.95  # ... at this confidence
    batch: int = 1  # [completions per prefix] of the first round; each further round doubles their number
    order: str = "halving"  # "halving": bisection, with more completions each time; "forward": step by step
    reuse: bool = True  # completions count for every prefix that they pass through, as do the initial rollouts
    right: int = 4  # [correct completions] wanted of the prefix before the first error, for pairs
    name: str = "adaptive"


@dataclass
class ForwardOptions(CreditOptions):
    """conf/credit/forward.yaml: the exhaustive search, with no more completions per prefix than decide the first error.

    With `engine.seeds=request` it finds the same first errors as `exhaustive`, and with `right` equal to `rollouts` the
    same correct completions of the prefixes before them.
    """

    right: int = 4  # [correct completions] wanted of the prefix before the first error, for pairs
    # [completions per prefix] of the first round, and each further round doubles what there is: more make fewer, larger
    # rounds, and more completions of prefixes that one would have decided
    batch: int = field(default=1, metadata=ADDED)
    name: str = "forward"


@dataclass
class ExactOptions(CreditOptions):
    """conf/credit/exact.yaml: the first errors that the task knows, and `rollouts` completions of the prefixes before.

    It shows what better estimates of first errors would be worth.
    """

    name: str = "exact"


CREDIT: dict[str, type[CreditOptions]] = {
    "exhaustive": CreditOptions,
    "bisect": BisectOptions,
    "adaptive": AdaptiveOptions,
    "forward": ForwardOptions,
    "exact": ExactOptions,
}


def search_of(options: CreditOptions, true_errors: Callable[[], Iterable[int | None]] = tuple) -> Search:
    """The search for the first errors of incorrect responses; `true_errors` are those that the task knows."""
    if isinstance(options, ExactOptions):
        return Exact(options.rollouts, tuple(true_errors()))
    if isinstance(options, AdaptiveOptions):
        o = options
        return Adaptive(o.rollouts, o.epsilon, o.confidence, o.batch, o.order, o.reuse, o.right)  # type: ignore[arg-type]
    if isinstance(options, ForwardOptions):  # a prefix is dead after as many incorrect completions as in Exhaustive
        return Adaptive(options.rollouts, 0.0, 0.95, options.batch, "forward", reuse=False, right=options.right)
    if isinstance(options, BisectOptions):
        return Bisection(options.rollouts, options.reuse)
    return Exhaustive(options.rollouts, options.stop_at_zero)


def check_credit(options: CreditOptions, method: str, uses: frozenset[str], task: str, knows_errors: bool) -> None:
    """Refuse invalid options, and a search without what `method` uses (`uses`), or that `task` knows nothing for.

    Raises ConfigError.
    """
    above_zero("credit.temperature", options.temperature)
    at_least("credit.rollouts", options.rollouts, 1)
    at_least("credit.positive_rollouts", options.positive_rollouts, 1)
    if isinstance(options, AdaptiveOptions):
        above_zero("credit.epsilon", options.epsilon)
        between("credit.epsilon", options.epsilon, 0, 0.99, "values up to 0.99")
        above_zero("credit.confidence", options.confidence)
        between("credit.confidence", options.confidence, 0, 0.9999, "values up to 0.9999")
        one_of("credit.order", options.order, ("forward", "halving"))
    if isinstance(options, AdaptiveOptions | ForwardOptions):
        at_least("credit.right", options.right, 1)
        at_least("credit.batch", options.batch, 1)
    if options.name == "exact" and not knows_errors:
        allowed = ", ".join(name for name in CREDIT if name != "exact")
        raise ConfigError(f"credit=exact: allowed are {allowed}, task={task} does not know where a response goes wrong")
    if options.name == "exhaustive":
        return
    if "positive_values" in uses:  # correct responses have no first error: their weights need the value of every step
        raise ConfigError(
            f"credit={options.name}: allowed is exhaustive, method={method} needs the value of every step"
        )
    if not options.stop_at_zero:
        raise ConfigError(f"credit.stop_at_zero=false: allowed is true, credit={options.name} finds first errors alone")
