"""Requests to an OpenAI-compatible endpoint: bounded in number and cost, retried, journalled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai

from synth_scaling.teaching.budget import Budget, BudgetSpent, Prices, most_usage
from synth_scaling.teaching.journal import Answer, Journal, Request, Usage
from synth_scaling.teaching.reach import CONNECT_SECONDS, cause_of, unreachable


class Stopped(Exception):
    """No further request is started; :attr:`Client.stopped` holds the reason."""


class RequestFailed(Exception):
    """One request failed after its retries; the others continue."""


@dataclass
class OpenAIOptions:
    """conf/engine/openai.yaml: an endpoint and its request parameters. The API key is never part of a configuration."""

    model: str = ""  # the endpoint's name of it
    base_url: str = "https://api.openai.com/v1"  # of the endpoint
    api_key_env: str = "OPENAI_API_KEY"  # the environment variable with the key; may be unset for an http:// endpoint
    temperature: float | None = 1.0  # null: not sent, for models that take none
    top_p: float | None = None  # null: not sent
    max_tokens: int = 1024  # [tokens] of an answer; one that is cut there is dropped
    max_tokens_key: str = "max_tokens"  # or max_completion_tokens, which newer OpenAI models want
    seed: int | None = None  # sent plus the sample's index, for endpoints that repeat by seed; null: not sent
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of the request's body
    concurrency: int = 8  # [requests] at a time
    retries: int = 6  # [tries] after 408, 409, 429, 5xx and lost connections, each after a longer wait
    timeout: float = 600.0  # [seconds] of one try
    give_up_after: int = 20  # [requests] failed in a row that end the command
    usd_per_million_input: float | None = None  # [USD per million tokens] of prompts
    usd_per_million_output: float | None = None  # [USD per million tokens] of answers
    name: str = "openai"


def body_of(options: OpenAIOptions, messages: list[dict[str, str]], sample: int) -> dict[str, Any]:
    """A chat completion's body."""
    body = {
        "model": options.model,
        "messages": messages,
        "temperature": options.temperature,
        "top_p": options.top_p,
        options.max_tokens_key: options.max_tokens,
        "seed": None if options.seed is None else options.seed + sample,
        **options.extra,
    }
    return {key: value for key, value in body.items() if value is not None}


def prices_of(options: OpenAIOptions) -> Prices:
    return Prices(options.usd_per_million_input or 0.0, options.usd_per_million_output or 0.0)


class Client:
    """Sends the requests that the journal has no answer to. `on_answer` is called after each new answer or failure.

    After a refusal that every request would meet (no server, no key, no such model), `give_up_after` failures in a row,
    or at the end of the budget it starts no further request, and those that run finish. `on_failure` is called with a
    line on the first failure of each kind.
    """

    def __init__(
        self,
        options: OpenAIOptions,
        journal: Journal,
        budget: Budget,
        on_answer: Callable[[], None] = lambda: None,
        on_failure: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.options, self.journal, self.budget = options, journal, budget
        self.on_answer, self.on_failure = on_answer, on_failure
        self.stopped: str | None = None
        self.asked = self.failed = 0  # by this process; not those that the journal answers
        self.last_failure = ""  # with the endpoint's URL
        self._kinds: set[str] = set()  # of failures so far
        self._failed_in_a_row = 0
        self._reached = False
        self._reaching = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.concurrency)
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._openai = openai.AsyncOpenAI(
            api_key=os.environ.get(options.api_key_env) or "none",
            base_url=options.base_url,
            max_retries=options.retries,
            timeout=openai.Timeout(options.timeout, connect=min(options.timeout, CONNECT_SECONDS)),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def ask(self, request: Request) -> Answer:
        """The journal's answer or the endpoint's. Raises Stopped, or RequestFailed for this request alone."""
        if known := self.journal.get(request):
            return known
        if request.key not in self._asking:  # two problems may come out alike, and so their requests
            self._asking[request.key] = asyncio.create_task(self._ask(request))
        return await self._asking[request.key]

    async def _ask(self, request: Request) -> Answer:
        most = most_usage(request, self.options.max_tokens)
        async with self._slots:
            await self._reach()
            if self.stopped:
                raise Stopped
            try:
                await self.budget.reserve(most)
            except BudgetSpent as spent:
                self.stopped = self.stopped or str(spent)
                raise Stopped from None
            used = Usage()
            try:
                self.asked += 1
                answer = await self._complete(request, most)
                used = answer.usage
                self.journal.add(request, answer)
                self._failed_in_a_row = 0
            except openai.OpenAIError as error:
                self._failure(request, error)
                raise RequestFailed from None
            finally:
                await self.budget.settle(most, used)
                self.on_answer()
            return answer

    async def _reach(self) -> None:
        """Stop before the first request if no server answers."""
        async with self._reaching:
            if not self._reached and not self.stopped:
                why = await unreachable(self.options.base_url)
                self._reached = why is None
                if why is not None:
                    self.stopped = f"engine.base_url={self.options.base_url}: {why}"

    async def _complete(self, request: Request, most: Usage) -> Answer:
        extra = {key: request.body[key] for key in self.options.extra}
        known = {key: value for key, value in request.body.items() if key not in extra}
        try:
            completion = await self._openai.chat.completions.create(**known, extra_body=extra or None)
            choice, usage = completion.choices[0], completion.usage
            return Answer(
                (choice.message.content or "").encode(errors="replace").decode(),  # lone surrogates cannot be sent on
                choice.finish_reason == "stop",
                str(completion.model),
                Usage(int(usage.prompt_tokens), int(usage.completion_tokens))
                if usage
                else most,  # not reported: the maximum
            )
        except (AttributeError, IndexError, TypeError, ValueError):
            raise openai.OpenAIError("200, but not in the shape of a chat completion") from None

    def _failure(self, request: Request, error: openai.OpenAIError) -> None:
        words = cause_of(error) if isinstance(error, openai.APIConnectionError) else f"{type(error).__name__}: {error}"
        reason = " ".join(words.replace(self._openai.api_key, "***").split())[:500]
        self.last_failure = f"engine.base_url={self.options.base_url}: {reason}"
        kind = f"{type(error).__name__} {getattr(error, 'status_code', '')}"
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.on_failure(f"a request failed: {self.last_failure}")
        self.failed += 1
        self._failed_in_a_row += 1
        self.journal.add_failure(request, reason)
        hopeless = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
        if isinstance(error, hopeless) or self._failed_in_a_row >= self.options.give_up_after:
            in_a_row = "" if isinstance(error, hopeless) else f"{self._failed_in_a_row} requests in a row failed, last "
            self.stopped = self.stopped or f"engine.base_url={self.options.base_url}: {in_a_row}{reason}"
