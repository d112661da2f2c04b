"""The limits hold for every order in which requests come and go."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.teaching.budget import Budget, BudgetOptions, BudgetSpent, Prices, most_usage
from synth_scaling.teaching.records import Request, Usage

usages = st.builds(Usage, st.integers(0, 50), st.integers(0, 50))


@given(
    requests=st.lists(st.tuples(usages, st.floats(0, 1)), max_size=20),
    tokens=st.one_of(st.none(), st.integers(1, 400)),
    usd=st.one_of(st.none(), st.floats(1e-6, 1e-3)),
    at_once=st.integers(1, 5),
)
def test_no_limit_is_passed_and_requests_that_fit_are_sent(
    requests: list[tuple[Usage, float]], tokens: int | None, usd: float | None, at_once: int
) -> None:
    prices = Prices(2.0, 8.0)

    async def spend() -> tuple[Budget, int]:
        budget, slots, refused = Budget(BudgetOptions(tokens, usd), prices, Usage()), asyncio.Semaphore(at_once), 0

        async def one(most: Usage, share: float) -> None:
            nonlocal refused
            async with slots:
                try:
                    await budget.reserve(most)
                except BudgetSpent:
                    refused += 1
                    return
                await asyncio.sleep(0)  # others may come in between
                await budget.settle(most, Usage(int(most.input * share), int(most.output * share)))

        await asyncio.gather(*(one(*request) for request in requests))
        return budget, refused

    budget, refused = asyncio.run(spend())
    assert tokens is None or budget.spent.total <= tokens
    assert usd is None or budget.usd <= usd
    everything = sum((most for most, _ in requests), Usage())
    if (tokens is None or everything.total <= tokens) and (usd is None or prices.usd(everything) <= usd):
        assert refused == 0


def test_money_is_tokens_times_prices() -> None:
    assert Prices(2.5, 10.0).usd(Usage(1_000_000, 100_000)) == 3.5


def test_the_usage_of_earlier_runs_counts() -> None:
    async def reserve(most: int) -> None:
        await Budget(BudgetOptions(tokens=100), Prices(), Usage(60, 20)).reserve(Usage(most, 0))

    asyncio.run(reserve(20))
    with pytest.raises(BudgetSpent, match=r"^budget\.tokens=100: the next request could pass it$"):
        asyncio.run(reserve(21))


def test_the_most_that_a_request_can_take_bounds_a_tokenizer_of_single_bytes() -> None:
    text = "2 ÷ 3 = ?"
    most = most_usage(Request({"messages": [{"role": "user", "content": text}]}), 77)
    assert most.output == 77 and most.input >= len(text.encode())
