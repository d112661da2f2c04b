"""Reading a chat completion from the body of a 200, which may hold anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import openai

from synth_scaling.teaching.records import Answer, Usage

MOST_CHOICES = 128  # as many as OpenAI gives for one request; here one is requested
LONGEST_NUMBER = 30  # digits that are read of a whole number: Python refuses to read thousands, and none is so large
PLAUSIBLE = 16  # times the reserved tokens that a reported usage may have: templates and hidden reasoning pass them


class WrongShape(openai.OpenAIError):
    """A 2xx response without a readable answer. It was billed; how many tokens it reports is not read."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not in the shape of a chat completion: {why}")
        self.status = 200


def read_answer(data: bytes, most: Usage, model: str) -> Answer:
    """The answer in the body `data` of a response to a request for `model`; its usage is `most` if not reported.

    Raises WrongShape. The first choice is read if there are several.
    """
    body = _parsed(data)
    if not isinstance(body, dict):
        raise WrongShape(f"the body is {_kind(body)}, no object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not 1 <= len(choices) <= MOST_CHOICES:
        n_choices = f"{len(choices)} choices" if isinstance(choices, list) else "no choices"
        raise WrongShape(f"{n_choices}{_error_in(body)}")
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else message
    if not isinstance(message, dict) or not isinstance(content, str | None):
        where = "message" if not isinstance(message, dict) else "message.content"
        raise WrongShape(f"{where} is {_kind(content)}")
    text = _sendable(content or "")
    named = body.get("model")
    return Answer(
        text,
        choice.get("finish_reason") == "stop",
        _sendable(named) if isinstance(named, str) and named else model,
        usage_of(body.get("usage"), text, most),
    )


def usage_of(reported: Any, text: str, most: Usage) -> Usage:
    """The reported usage of the answer `text`; the reservation `most` if none is reported or it cannot be true.

    Counts are whole numbers, no prompt and no text has zero tokens, and none has far more than `most`. Tokens that only
    the total has (hidden reasoning, at some endpoints) are billed as output.
    """
    if not isinstance(reported, dict):
        return most
    prompt, output, total = (_count(reported.get(f"{name}_tokens")) for name in ("prompt", "completion", "total"))
    if not prompt or output is None or (text and not output):
        return most
    if prompt > PLAUSIBLE * most.input or output > PLAUSIBLE * most.output:
        return most
    if total is not None and total - prompt <= PLAUSIBLE * most.output:
        output = max(output, total - prompt)
    return Usage(prompt, output)


def _count(value: Any) -> int | None:
    """A number of tokens; None for a value that is none."""
    if isinstance(value, float) and value.is_integer():  # not infinite, not NaN
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _parsed(data: bytes) -> Any:
    if not data.strip():
        raise WrongShape("the body is empty")
    try:
        return json.loads(data, parse_int=lambda digits: int(digits[:LONGEST_NUMBER]))
    except UnicodeDecodeError:
        raise WrongShape("the body is not UTF-8") from None
    except ValueError:
        start = data[:40].decode(errors="replace")
        raise WrongShape(f"the body is not JSON, it starts with {start!r}") from None
    except RecursionError:
        raise WrongShape("the body is nested too deeply") from None


def _error_in(body: Mapping[str, Any]) -> str:
    """The error message that some endpoints send with status 200."""
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return f" ({message})" if isinstance(message, str) and message else ""


def _sendable(text: str) -> str:
    """`text` without lone surrogates, which have no encoding."""
    return text.encode(errors="replace").decode()


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
