"""The certificate's numbers in closed form, and the refusal beyond a bound."""

import math

import pytest

from synth_scaling.core.agreement import Agreement, SamplerDisagrees, agreement, check_agreement, default_bound


def test_mean_maximum_and_kl_by_hand() -> None:
    of = agreement([-1.0, -2.0, -3.0], [-1.0, -1.5, -4.0])
    assert (of.mean, of.largest, of.tokens) == (0.5, 1.0, 3)
    assert of.kl == pytest.approx(((math.exp(0.5) - 1.5) + math.exp(-1)) / 3)


def test_the_estimate_has_the_kl_divergence_as_its_mean() -> None:
    p, q = (0.5, 0.25, 0.25), (0.25, 0.25, 0.5)
    expected = sum(a * agreement([math.log(a)], [math.log(b)]).kl for a, b in zip(p, q, strict=True))
    assert expected == pytest.approx(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))


@pytest.mark.parametrize("mean", [0.03, 0.0])
def test_within_the_bound_nothing_happens(mean: float) -> None:
    check_agreement("pi_sft", Agreement(mean, 5.0, 0.0, 10), "topr", 0.03)


@pytest.mark.parametrize("mean", [0.031, math.inf, math.nan])
def test_beyond_it_or_without_a_number_the_method_is_refused(mean: float) -> None:
    with pytest.raises(SamplerDisagrees, match=r"^certificate\.bound=0\.03: .* of pi_sft .* method=topr"):
        check_agreement("pi_sft", Agreement(mean, 5.0, 0.0, 10), "topr", 0.03)


def test_no_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing was sampled"):
        agreement([], [])


@pytest.mark.parametrize(
    ("dtypes", "bound"),
    [
        (("float32", "float32"), 0.01),
        (("bfloat16", "float32"), 0.1),
        (("float32", "bfloat16"), 0.1),
        (("float16",) * 2, 0.1),
    ],
)
def test_rounding_sets_the_default_bound(dtypes: tuple[str, str], bound: float) -> None:
    assert default_bound(dtypes) == bound
