"""A limit on tokens and on money: a request's maximum cost is reserved before it starts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from synth_scaling.teaching.records import Request, Usage

TEMPLATE_TOKENS = 64  # [tokens] that a chat template may add to a message


class BudgetSpent(Exception):
    """The next request could pass the limit. The message says which."""


@dataclass
class BudgetOptions:
    """`budget` of the teach command: limits on everything that its journal holds, earlier runs included."""

    tokens: int | None = None  # [tokens] of prompts and answers together; null: no limit
    usd: float | None = None  # [USD] needs engine.usd_per_million_input and _output; null: no limit


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0

    def usd(self, usage: Usage) -> float:
        return (self.input * usage.input + self.output * usage.output) / 1e6


class Budget:
    """The usage so far and the usage reserved for running requests. For one event loop."""

    def __init__(self, limits: BudgetOptions, prices: Prices, spent: Usage) -> None:
        self.limits, self.prices, self.spent = limits, prices, spent
        self._reserved, self._running = Usage(), 0
        self._changed = asyncio.Condition()

    @property
    def usd(self) -> float:
        return self.prices.usd(self.spent)

    async def reserve(self, most: Usage) -> None:
        """Reserve `most`; waits while running requests may still release enough of their reservations.

        Raises BudgetSpent if no request runs and `most` could still pass a limit.
        """
        async with self._changed:
            while reason := self._passed(self.spent + self._reserved + most):
                if not self._running:
                    raise BudgetSpent(reason)
                await self._changed.wait()
            self._reserved += most
            self._running += 1

    async def settle(self, most: Usage, used: Usage) -> None:
        """Replace a request's reservation of `most` by its usage, `used`."""
        async with self._changed:
            self._reserved -= most
            self._running -= 1
            self.spent += used
            self._changed.notify_all()

    def _passed(self, usage: Usage) -> str | None:
        tokens, usd = self.limits.tokens, self.limits.usd
        if tokens is not None and usage.total > tokens:
            return f"budget.tokens={tokens}: the next request could pass it"
        if usd is not None and self.prices.usd(usage) > usd:
            return f"budget.usd={usd}: the next request could pass it"
        return None


def most_usage(request: Request, max_tokens: int) -> Usage:
    """The maximum usage of a request: no token is shorter than a byte, and `max_tokens` bounds the answer."""
    messages = request.body["messages"]
    written = sum(len(json.dumps(message, ensure_ascii=False).encode()) for message in messages)
    return Usage(written + TEMPLATE_TOKENS * (1 + len(messages)), max_tokens)
