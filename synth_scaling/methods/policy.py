"""Options and rows that the methods with a loss per token of sampled responses share (objective "policy")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED
from synth_scaling.core.records import PolicyRow, Response
from synth_scaling.core.validation import ConfigError, at_least
from synth_scaling.methods.method import ExpectedData, Graded, MethodOptions, ends_kept


@dataclass
class PolicyOptions(MethodOptions):
    """Options of every method with objective "policy"."""

    start: str = "pi_sft"
    epochs: float = 4
    learning_rate: float = 3e-4
    demonstrations: float = 1.0  # coefficient of D_syn's tokens, trained on by NLL; 0: D_syn is left out


@dataclass
class SignedOptions(PolicyOptions):
    """Options of the methods that raise correct and lower incorrect responses as wholes."""

    positive: float = 1.0  # coefficient of the correct responses' tokens; 0: they are left out
    negative: float = 1.0  # the incorrect ones' tokens have the coefficient -negative; 0: they are left out
    # whether the end token of an incorrect response is made less probable with the rest of it
    rejected_end: bool = field(default=True, metadata=ADDED)


def policy_row(
    graded: Graded,
    response: Response,
    coefficients: float | Sequence[float],
    reference: tuple[float, ...] | None = None,
    pass_rate: float = 0.0,
) -> PolicyRow:
    """The whole response after its problem's prompt; one coefficient for all its tokens, or one per token."""
    if isinstance(coefficients, int | float):
        coefficients = [float(coefficients)] * (len(response.tokens) + response.finished)
    return PolicyRow(
        graded.prompts[response.problem],
        response.tokens,
        response.finished,
        bool(response.reward),
        tuple(coefficients),
        reference,
        pass_rate,
    )


def demonstration_rows(graded: Graded, options: PolicyOptions) -> list[PolicyRow]:
    """D_syn; without a reference, since pi_sft did not sample it."""
    if not options.demonstrations:
        return []
    return [policy_row(graded, response, options.demonstrations) for response in graded.demonstrations]


def untaught(graded: Graded, options: PolicyOptions) -> list[int]:
    """Indices of the positives, without those that equal a demonstration that is trained on, as in `rft`."""
    taught = {(y.problem, y.tokens) for y in graded.demonstrations} if options.demonstrations else set()
    return [i for i, y in enumerate(graded.positives) if (y.problem, y.tokens) not in taught]


def references(
    responses: Sequence[Response], logprobs: Sequence[tuple[float, ...]]
) -> Sequence[tuple[float, ...] | None]:
    """The log-probabilities of each response, or None for each where they were not computed."""
    return logprobs or [None] * len(responses)


def signed_rows(graded: Graded, options: SignedOptions) -> list[PolicyRow]:
    """D_syn, then positives with `positive`, then negatives with `-negative`; parts with coefficient 0 are left out."""
    graded = ends_kept(graded, options.rejected_end)
    rows = demonstration_rows(graded, options)
    if options.positive:
        logprobs = references(graded.positives, graded.positive_logprobs)
        for i in untaught(graded, options):
            rows.append(policy_row(graded, graded.positives[i], options.positive, logprobs[i]))
    if options.negative:
        logprobs = references(graded.negatives, graded.negative_logprobs)
        for response, reference in zip(graded.negatives, logprobs, strict=True):
            rows.append(policy_row(graded, response, -options.negative, reference))
    return rows


def demonstration_tokens(options: PolicyOptions, data: ExpectedData) -> float:
    """Expected tokens of the rows of D_syn."""
    return data.demonstration_tokens if options.demonstrations else 0.0


def signed_tokens(options: SignedOptions, data: ExpectedData) -> float:
    """Expected tokens of :func:`signed_rows`."""
    responses = data.positives * (options.positive > 0) + data.negatives * (options.negative > 0)
    return demonstration_tokens(options, data) + responses * data.response_row


def check_demonstrations(options: PolicyOptions) -> None:
    """The rule on the options that all these methods share. Raises ConfigError."""
    at_least("method.demonstrations", options.demonstrations, 0)


def check_signed(options: SignedOptions) -> None:
    """Refuse negative coefficients, and rows without any. Raises ConfigError."""
    check_demonstrations(options)
    at_least("method.positive", options.positive, 0)
    at_least("method.negative", options.negative, 0)
    if not (options.positive or options.negative):
        raise ConfigError("method.positive=0: allowed are values above 0 with method.negative=0")
