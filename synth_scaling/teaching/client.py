"""Requests to an OpenAI-compatible endpoint: bounded in number and cost, retried, journalled."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import openai

from synth_scaling.teaching.answers import WrongShape, read_answer
from synth_scaling.teaching.budget import Budget, BudgetSpent, Prices, most_usage
from synth_scaling.teaching.failures import billed, in_words, is_hopeless, pause_before_retry
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.reach import unreachable
from synth_scaling.teaching.records import Answer, Request, Usage
from synth_scaling.teaching.transport import BoundedClient

SHORTEST_SECRET = 12  # characters of a key that is masked in answers; a shorter one may be an ordinary word


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
    timeout: float = 600.0  # [seconds] of one try, from its connection to the last byte of its answer
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

    Each try is written ahead and has a reservation of its maximum cost, which counts if no readable answer comes.
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
        self.aborted: str | None = None  # the reason of abort()
        self.asked = self.failed = 0  # by this process; not those that the journal answers
        self.last_failure = ""  # with the endpoint's URL
        self._kinds: set[str] = set()  # of failures so far
        self._failed_in_a_row = 0
        self._reached = False
        self._reaching = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.concurrency)
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._key = os.environ.get(options.api_key_env) or ""
        http_client = BoundedClient(options.timeout, options.concurrency)
        self._openai = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=options.base_url,
            max_retries=0,  # see _tries
            timeout=http_client.timeout,
            http_client=http_client,
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    def abort(self, reason: str) -> None:
        """Start no further request and cancel those that run; what waits for one gets Stopped."""
        self.stopped, self.aborted = self.stopped or reason, reason
        for task in self._asking.values():
            task.cancel()

    async def ask(self, request: Request) -> Answer:
        """The journal's answer or the endpoint's. Raises Stopped, or RequestFailed for this request alone."""
        if known := self.journal.get(request):
            return known
        if request.key not in self._asking:  # two problems may come out alike, and so their requests
            self._asking[request.key] = asyncio.create_task(self._ask(request))
        try:
            return await self._asking[request.key]
        except asyncio.CancelledError:
            if self.aborted:
                raise Stopped from None
            raise

    async def _ask(self, request: Request) -> Answer:
        async with self._slots:
            await self._reach()
            try:
                answer = await self._tries(request)
                self._failed_in_a_row = 0
            except openai.OpenAIError as error:
                self._failure(request, error)
                raise RequestFailed from None
            finally:
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

    async def _tries(self, request: Request) -> Answer:
        """The answer of the first try that gives one. Raises Stopped, or the last try's error."""
        most = most_usage(request, self.options.max_tokens)
        for n_failed in itertools.count():
            if self.stopped:
                raise Stopped
            try:
                await self.budget.reserve(most)
            except BudgetSpent as spent:
                self.stopped = self.stopped or str(spent)
                raise Stopped from None
            self.asked += not n_failed
            try:
                return await self._try(request, most)
            except openai.OpenAIError as error:
                pause = pause_before_retry(error, n_failed)
                if pause is None or n_failed >= self.options.retries:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("itertools.count() does not end")

    async def _try(self, request: Request, most: Usage) -> Answer:
        """One try within the reservation `most`, with its outcome in journal and budget.

        A try that is cancelled stays in the write-ahead file, and its reservation counts.
        """
        used = Usage()
        try:
            attempt = self.journal.start(request, most)
            used = most
            try:
                answer = await self._complete(request, most)
            except openai.OpenAIError as error:
                used = billed(error, most)
                self.journal.end(attempt, used)
                raise
            used = answer.usage
            self.journal.add(request, answer, attempt)
            return answer
        finally:
            await self.budget.settle(most, used)

    async def _complete(self, request: Request, most: Usage) -> Answer:
        response = await self._openai.post("/chat/completions", cast_to=httpx2.Response, body=dict(request.body))
        try:
            answer = read_answer(response.content, most, self.options.model)
        except WrongShape as error:
            error.status = response.status_code
            raise
        if len(self._key) >= SHORTEST_SECRET:  # an endpoint that repeats it would have it written to the journal
            answer = replace(answer, text=self._masked(answer.text), model=self._masked(answer.model))
        return answer

    def _masked(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def _failure(self, request: Request, error: openai.OpenAIError) -> None:
        reason = self._masked(in_words(error, self.options.timeout))[:500]
        self.last_failure = f"engine.base_url={self.options.base_url}: {reason}"
        kind = f"{type(error).__name__} {getattr(error, 'status_code', '')}"
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.on_failure(f"a request failed: {self.last_failure}")
        self.failed += 1
        self._failed_in_a_row += 1
        self.journal.add_failure(request, reason)
        if is_hopeless(error) or self._failed_in_a_row >= self.options.give_up_after:
            in_a_row = "" if is_hopeless(error) else f"{self._failed_in_a_row} requests in a row failed, last "
            self.stopped = self.stopped or f"engine.base_url={self.options.base_url}: {in_a_row}{reason}"
