"""The interface of a method: a pure function from graded responses (and step values) to training rows.

A method neither samples nor trains, and imports no torch. Its file holds everything that is specific to it: the
function, its options (conf/method/*.yaml), the rules on them, and the number of tokens that it expects to train on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.policy_loss import PolicyLoss
from synth_scaling.core.records import (
    NLLRow,
    PolicyRow,
    PreferenceRow,
    PrefixValue,
    Response,
    ResponseValues,
    StepPairRow,
    UnpairedRow,
)
from synth_scaling.core.step_pair_loss import StepPairLoss
from synth_scaling.core.validation import ConfigError, above_zero, at_least, between, one_of
from synth_scaling.credit import Prefix

# training rows of a method
Rows = list[NLLRow] | list[PreferenceRow] | list[PolicyRow] | list[StepPairRow] | list[UnpairedRow]
# the rows' dataclass by `Method.objective`
ROWS: dict[str, type] = {
    "nll": NLLRow,
    "preference": PreferenceRow,
    "policy": PolicyRow,
    "step_pairs": StepPairRow,
    "unpaired": UnpairedRow,
}
STARTS = ("base", "pi_sft")


@dataclass
class MethodOptions:
    """Options that every method has: the checkpoint that training starts from, epochs and learning rate."""

    name: str = ""
    start: str = "base"  # "base" or "pi_sft": the checkpoint that training starts from
    epochs: float = 10  # [passes over the rows] of the training
    learning_rate: float = 5e-4  # peak of the schedule


@dataclass
class PreferenceOptions(MethodOptions):
    """Options that every preference method has. DPO's reference is the checkpoint that training starts from."""

    beta: float = 0.5  # strength of DPO's implicit KL penalty (arXiv 2305.18290)
    nll: float = 0.0  # weight of an NLL term on the chosen side (RPO, arXiv 2404.19733)


# TRL's loss types for pairs, by its names (trl.DPOConfig.loss_type, which has their sources)
PAIR_LOSSES = (
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sigmoid_norm",
)


@dataclass
class PairLossOptions(PreferenceOptions):
    """Options of the preference methods that may have another loss than DPO's; `beta` is then that loss's."""

    loss: str = field(metadata=ADDED, default="sigmoid")  # TRL's loss type, passed through; "sigmoid" is DPO
    # share of pairs whose sides are taken to be swapped, of the losses robust, exo_pair, aot and aot_unpaired
    label_smoothing: float = field(metadata=ADDED, default=0.0)


def check_pair_loss(options: PairLossOptions) -> None:
    """Refuse a loss that TRL does not have, and a smoothing that it refuses. Raises ConfigError."""
    one_of("method.loss", options.loss, PAIR_LOSSES)
    between("method.label_smoothing", options.label_smoothing, 0, 0.49, "shares from 0 to 0.49")
    if options.loss == "exo_pair" and not options.label_smoothing:
        raise ConfigError("method.label_smoothing=0.0: allowed are values above 0 with method.loss=exo_pair")


@dataclass
class UnpairedOptions(MethodOptions):
    """Options that every method with objective "unpaired" has. The reference is the start of the training."""

    beta: float = 0.1  # strength of the implicit KL penalty (arXiv 2402.01306)
    desirable: float = 1.0  # weight of the desirable responses' losses
    undesirable: float = 1.0  # weight of the undesirable ones'


@dataclass(frozen=True)
class Graded:
    """The data that a method may use. `positive_values[i]` are the step values of `positives[i]`, likewise negatives.

    Step values and the parts that a method does not list in `Method.uses` are empty. After the first round, the policy
    of the round before takes the place of pi_sft.
    """

    prompts: Mapping[str, tuple[int, ...]]  # token ids by problem id
    demonstrations: Sequence[Response]  # D_syn: the teacher's solutions
    positives: Sequence[Response] = ()  # distinct and correct, from pi_sft
    negatives: Sequence[Response] = ()  # distinct and incorrect, from pi_sft
    positive_values: Sequence[ResponseValues] = ()
    negative_values: Sequence[ResponseValues] = ()
    prefix_values: Mapping[Prefix, PrefixValue] = field(default_factory=dict)
    # log-probabilities under pi_sft of the tokens of each positive (negative), and of the end token of a finished one
    positive_logprobs: Sequence[tuple[float, ...]] = ()
    negative_logprobs: Sequence[tuple[float, ...]] = ()
    pass_rates: Mapping[str, float] = field(default_factory=dict)  # of pi_sft's rollouts, by problem id


@dataclass(frozen=True)
class ExpectedData:
    """Expected amounts of a run's data before any of it is sampled: numbers of responses, and mean tokens of each."""

    demonstrations: float  # responses in D_syn
    positives: float
    negatives: float
    pairs: float  # negatives whose first error follows a prefix with a correct continuation
    prompt: float  # tokens per prompt
    demonstration: float  # tokens per teacher solution, without the end token
    response: float  # tokens per sampled response, without the end token
    step: float  # tokens per step of a sampled response
    before_error: float  # tokens of an incorrect response before its first error

    @property
    def demonstration_tokens(self) -> float:
        """All demonstrations with their prompts and end tokens."""
        return self.demonstrations * (self.prompt + self.demonstration + 1)

    @property
    def response_row(self) -> float:
        """One sampled response with its prompt and end token."""
        return self.prompt + self.response + 1


@dataclass(frozen=True)
class Method:
    """An entry of METHODS.

    Attributes:
        build: the training rows for graded data, options and a random generator; deterministic given the generator.
        options: the dataclass of conf/method/NAME.yaml; its default `name` is the entry's key.
        objective: "nll" for :class:`NLLRow`, "preference" for :class:`PreferenceRow`, "policy" for :class:`PolicyRow`,
            "step_pairs" for :class:`StepPairRow`, "unpaired" for :class:`UnpairedRow`.
        uses: the parts of :class:`Graded` that have to be computed for it: "positives", "negatives",
            "positive_values", "negative_values", and "reference_logprobs" of those of the first two that it lists.
        expected_tokens: tokens of the rows, prompts and end tokens included, gone over once; used by forecasts.
        check: raises ConfigError for options that cannot be, beyond the rules of :func:`check_method`.
        title: the method's name in figures; empty for the entry's key.
        loss: of the objectives "policy" and "step_pairs", the loss of a token or of a pair, from the options.
    """

    build: Callable[[Graded, Any, np.random.Generator], Rows]
    options: type[MethodOptions]
    objective: Literal["nll", "preference", "policy", "step_pairs", "unpaired"]
    uses: frozenset[str] = field(kw_only=True)
    expected_tokens: Callable[[Any, ExpectedData], float] = field(kw_only=True)
    check: Callable[[Any], None] = field(kw_only=True, default=lambda options: None)
    title: str = field(kw_only=True, default="")
    loss: Callable[[Any], PolicyLoss | StepPairLoss] | None = field(kw_only=True, default=None)


def check_method(method: Method, options: MethodOptions) -> None:
    """Refuse options that cannot be: the rules that all methods share, then the method's. Raises ConfigError."""
    one_of("method.start", options.start, STARTS)
    above_zero("method.epochs", options.epochs)
    above_zero("method.learning_rate", options.learning_rate)
    if isinstance(options, PreferenceOptions):
        above_zero("method.beta", options.beta)
        at_least("method.nll", options.nll, 0)
    if isinstance(options, UnpairedOptions):
        for key in ("beta", "desirable", "undesirable"):
            above_zero(f"method.{key}", getattr(options, key))
    method.check(options)


def ends_kept(graded: Graded, rejected_end: bool) -> Graded:
    """`graded`; unless `rejected_end`, every negative without its end token, as if sampling had been cut there.

    A loss that lowers whole incorrect responses lowers their end token with them: where it outweighs the end tokens of
    correct responses, the policy does not stop. An empty response keeps it: nothing else would be left.
    """
    if rejected_end:
        return graded
    logprobs = zip(graded.negatives, graded.negative_logprobs, strict=False)  # none, or one tuple per negative
    return replace(
        graded,
        negatives=[replace(y, finished=y.finished and not y.tokens) for y in graded.negatives],
        negative_logprobs=[reference[: len(y.tokens) or 1] for y, reference in logprobs],
    )


def nll_row(graded: Graded, response: Response, weights: Sequence[float] | None = None) -> NLLRow:
    """The whole response after its problem's prompt; `weights` holds one per token, and one for the end token."""
    prompt = graded.prompts[response.problem]
    return NLLRow(prompt, response.tokens, response.finished, None if weights is None else tuple(weights))


def per_token(per_step: np.ndarray, values: ResponseValues, response: Response) -> np.ndarray:
    """(T,) values of the tokens from (L,) values of their steps; the end token belongs to the last step."""
    lengths = np.diff([0, *values.ends])
    lengths[-1] += response.finished
    return np.repeat(per_step, lengths)


def by_problem(responses: Sequence[Response]) -> dict[str, list[Response]]:
    """The responses grouped by problem id, in order."""
    groups: dict[str, list[Response]] = {}
    for response in responses:
        groups.setdefault(response.problem, []).append(response)
    return groups
