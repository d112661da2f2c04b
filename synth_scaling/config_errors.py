"""Hydra's and OmegaConf's messages as one line: the key, the value, what is allowed."""

from __future__ import annotations

import re

from omegaconf.errors import OmegaConfBaseException


def one_line(error: BaseException) -> str:
    """What is wrong, without line breaks."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException):
        return _of_omegaconf(cause)
    if str(error).startswith("In 'engine/"):  # composed, but of another type than the command's
        return "engine: allowed are engine=vllm for synth_scaling, and engine=openai for synth_scaling.teach"
    return _joined(str(error))


def _of_omegaconf(cause: OmegaConfBaseException) -> str:
    key = cause.full_key or cause.key
    reason = _joined(str(cause).split("full_key:")[0])
    parent = cause.parent_node
    if "not in" in reason and parent is not None:
        return f"{key}: no such key; allowed are {', '.join(sorted(map(str, parent.keys())))}"
    return reason if key is None else f"{key}: {reason}"


def _joined(text: str) -> str:
    text = text.split("Config search path:")[0]
    lines = [line.strip() for line in text.strip().splitlines() if not line.strip().endswith("_schema")]
    return re.sub(r"\s+", " ", " ".join(filter(None, lines)))
