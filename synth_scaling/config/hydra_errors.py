"""Hydra's and OmegaConf's messages as one line: the key, the value, what is allowed."""

from __future__ import annotations

import re
import sys
from typing import NoReturn

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.search_path import configs


def one_line(error: BaseException) -> str:
    """What is wrong, without line breaks."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: allowed is key=value, in Hydra's syntax ({_reason(error, error.override)})"
    text = _joined(str(error))
    if text.startswith("In 'engine/"):  # composed, but of another type than the command's
        return "engine: allowed are engine=vllm for synth_scaling, and engine=openai for synth_scaling.teach"
    if match := re.match(r"In '(.*)/[^/]*': .*not a subclass", text):
        return f"{match[1]}: allowed is one of its choices, not several"
    if match := re.search(r"Could not find '(.*)/(.*)' Available options in '.*': (.*)", text):
        names = [name for name in match[3].split() if name != "schema"]
        return f"{match[1]}={match[2]}: allowed are {', '.join(names)}"
    cause = _omegaconf(error)
    return text if cause is None else _of_omegaconf(cause)


def _reason(error: OverrideParseException, word: str) -> str:
    lines = str(error).replace(f"Error parsing override '{word}'", "").split("See https:")[0].splitlines()
    return _joined("\n".join(line for line in lines if line.strip() != "^"))


def _omegaconf(error: BaseException | None) -> OmegaConfBaseException | None:
    """OmegaConf's own error behind Hydra's, the one that knows most."""
    found = None
    while error is not None:
        if isinstance(error, OmegaConfBaseException) and (found is None or error.full_key or error.key):
            found = error
        error = error.__cause__ or error.__context__
    return found


def _of_omegaconf(cause: OmegaConfBaseException) -> str:
    key = cause.full_key or cause.key
    reason = _joined(str(cause).split("full_key:")[0])
    parent = cause.parent_node
    if "not in" in reason and parent is not None:
        return f"{key}: no such key; allowed are {', '.join(sorted(map(str, parent.keys())))}"
    if "is not Optional" in reason:
        return f"{key}=null: allowed are values other than null"
    return reason if key is None else f"{key}: {reason}"


def _joined(text: str) -> str:
    text = text.split("Config search path:")[0]
    lines = [line.strip() for line in text.strip().splitlines() if not line.strip().endswith("_schema")]
    return re.sub(r"\s+", " ", " ".join(filter(None, lines)))


def refuse(error: Exception) -> NoReturn:
    """One line, exit code 2."""
    line = one_line(error)
    if isinstance(error, MissingConfigException) and "primary config '" in line:
        names = ", ".join(sorted(path.stem for path in configs("sweeps").glob("*.yaml")))
        line = f"--config-name={error.missing_cfg_file}: allowed are config, {names}, or a file in --config-dir"
    print(f"configuration refused: {line}", file=sys.stderr)
    sys.exit(2)
