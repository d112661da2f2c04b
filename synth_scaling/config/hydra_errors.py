"""Hydra's and OmegaConf's messages as one line: the key, the value, the allowed values."""

from __future__ import annotations

import re
import sys
from typing import NoReturn

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.search_path import sweep_names
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say


def one_line(error: BaseException) -> str:
    """The message of `error` without line breaks, with the closest allowed word to a mistyped one."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: allowed is key=value, in Hydra's syntax ({_reason(error, error.override)})"
    text = _joined(str(error))
    if match := re.match(r"Ambiguous value for argument '(.*?)'", text):
        return f"{match[1]}: several values need -m (a sweep); a list is key=[a,b], a text with a comma key=\\'a,b\\'"
    if text.startswith("In 'engine/"):  # composed, but of another type than the command's
        return "engine: allowed are engine=vllm for synth_scaling, and engine=openai for synth_scaling.teach"
    if match := re.match(r"In '(.*)/[^/]*': .*not a subclass", text):
        return f"{match[1]}: allowed is one of its choices, not several"
    if match := re.search(r"Could not find '(.*)/(.*)' Available options in '.*': (.*)", text):
        names = [name for name in match[3].split() if name != "schema"]
        return f"{match[1]}={match[2]}: allowed are {', '.join(names)}{did_you_mean(match[2], names)}"
    cause = _omegaconf(error)
    return text if cause is None else _of_omegaconf(cause)


# Hydra's default launcher runs one worker in this process and has no options.
_LAUNCHER_ADVICE = "; options of several workers need their launcher: hydra/launcher=joblib, slurm or ray"


def _reason(error: OverrideParseException, word: str) -> str:
    lines = str(error).replace(f"Error parsing override '{word}'", "").split("See https:")[0].splitlines()
    return _joined("\n".join(line for line in lines if line.strip() != "^"))


def _omegaconf(error: BaseException | None) -> OmegaConfBaseException | None:
    """The error of OmegaConf that caused `error`, preferably one that names a key."""
    cause = None
    while error is not None:
        if isinstance(error, OmegaConfBaseException) and (cause is None or error.full_key or error.key):
            cause = error
        error = error.__cause__ or error.__context__
    return cause


def _of_omegaconf(cause: OmegaConfBaseException) -> str:
    key = cause.full_key or cause.key
    reason = _joined(str(cause).split("full_key:")[0])
    reason = reason.removeprefix("ConfigError raised while resolving interpolation: ")  # of a resolver of this package
    parent = cause.parent_node
    if "not in" in reason and parent is not None:
        names = sorted(map(str, parent.keys()))
        hint = did_you_mean(str(key).rpartition(".")[2], names)
        advice = _LAUNCHER_ADVICE if str(key).startswith("hydra.launcher.") else ""
        return f"{key}: no such key; allowed are {', '.join(names)}{hint}{advice}"
    if "is not Optional" in reason:
        return f"{key}=null: allowed are values other than null"
    return reason if key is None else f"{key}: {reason}"


def _joined(text: str) -> str:
    text = text.split("Config search path:")[0]
    lines = [line.strip() for line in text.strip().splitlines() if not line.strip().endswith("_schema")]
    return re.sub(r"\s+", " ", " ".join(filter(None, lines)))


def refuse(error: Exception) -> NoReturn:
    """Print `error` as one line and end the process with exit code 2."""
    line = one_line(error)
    if isinstance(error, MissingConfigException) and "primary config '" in line:
        name, names = str(error.missing_cfg_file), ["config", *sweep_names()]
        hint = did_you_mean(name, names)
        line = f"--config-name={name}: allowed are {', '.join(names)}, or a file in --config-dir{hint}"
    say(f"configuration refused: {line}", file=sys.stderr)
    sys.exit(2)
