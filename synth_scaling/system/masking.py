"""Secrets on a command line, in a configuration or in an address, recognised by the names that they go by."""

from __future__ import annotations

import os
import re

_NAMES = "api_?key|key|token|secret|secret_?key|pass|passwd|password|credentials?"
_NAME = re.compile(rf"(?:^|.*[._-])(?:{_NAMES})", re.IGNORECASE)
_SECRET = re.compile(rf"({_NAME.pattern}\s*[=:]\s*).+", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")  # user:password@ of an address
_SHORTEST = 8  # characters of a secret that is searched for in other texts; shorter ones are in many by chance


def masked(word: str) -> str:
    """A word of a command line, with *** for the value of a key that names a secret, and for a login in an address."""
    return _LOGIN.sub("***@", _SECRET.sub(r"\1***", word))


def names_a_secret(key: str) -> bool:
    """Whether the value of a dotted key, or of an environment variable, is a secret by its name."""
    return _NAME.fullmatch(key) is not None


def has_login(text: str) -> bool:
    """Whether an address in `text` has a user or password."""
    return _LOGIN.search(text) is not None


def secret_variable_in(text: str) -> str | None:
    """The environment variable that names a secret and whose value occurs in `text`."""
    for name, value in os.environ.items():
        if names_a_secret(name) and len(value) >= _SHORTEST and value in text:
            return name
    return None
