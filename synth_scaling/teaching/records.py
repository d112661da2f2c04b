"""Requests, answers and their usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synth_scaling.core.hashing import content_hash


@dataclass(frozen=True)
class Usage:
    """Tokens as the endpoint counts, and bills, them."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.output + other.output)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.input - other.input, self.output - other.output)

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Request:
    """One chat completion: the body as it is sent, and which of several samples of it this is."""

    body: Mapping[str, Any]  # model, messages, sampling parameters
    sample: int = 0

    @property
    def key(self) -> str:
        return content_hash({"body": self.body, "sample": self.sample})


@dataclass(frozen=True)
class Answer:
    """An endpoint's answer. `text` is empty where the endpoint withheld it."""

    text: str
    finished: bool  # ended by itself, not at the length limit
    model: str  # as the endpoint names it; as it was requested, where the endpoint names none
    usage: Usage
