"""Pretrained models in a local folder or the Hugging Face cache, used in place.

Nothing is downloaded: a hub id that is not in the cache is refused, with the command that fetches it. The hashes of
later stages contain a digest of the model's files, not their location.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from safetensors import safe_open

from synth_scaling.core.validation import ConfigError

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json")
# Files that determine the computation and the tokenization of a checkpoint.
_CONTENT = (
    "*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "spiece.model",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
)
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # a tag that transformers adds to Jinja


def resolve(path: str, revision: str | None = None) -> Path:
    """The folder that `path` (a folder or a hub id) names. Raises ConfigError if it is neither here nor cached."""
    if not path:
        raise ConfigError("model.path=: needed is a folder with safetensors, or a hub id")
    if Path(path).expanduser().is_dir():
        return Path(path).expanduser().resolve()
    from huggingface_hub import snapshot_download  # half a second, and only needed here
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(path, revision=revision, local_files_only=True))
    except HFValidationError:
        raise ConfigError(f"model.path={path}: no such folder") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        at = f" --revision {revision}" if revision else ""
        raise ConfigError(
            f"model.path={path}: neither a folder nor in the local Hugging Face cache; fetch it with: "
            f"hf download {path}{at}"
        ) from None


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder that lacks configuration, safetensors weights or a tokenizer. Raises ConfigError."""
    if not (folder / "config.json").is_file():
        raise ConfigError(f"model.path={name}: no model there (config.json is missing)")
    index = folder / "model.safetensors.index.json"
    shards = set(json.loads(index.read_text())["weight_map"].values()) if index.is_file() else set()
    missing = sorted(shard for shard in shards if not (folder / shard).is_file())
    if missing or not any(folder.glob("*.safetensors")):
        raise ConfigError(f"model.path={name}: no weights there ({', '.join(missing) or '*.safetensors'} is missing)")
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise ConfigError(f"model.path={name}: no tokenizer there ({' or '.join(TOKENIZERS)} is missing)")
    end_tokens(folder, f"model.path={name}")


def check_template(chat: str, folder: Path | None, name: str) -> None:
    """Raises ConfigError if `chat` is no readable template, or is "tokenizer" and the one in `folder` has none."""
    if chat != "tokenizer":
        if not Path(chat).expanduser().is_file():
            raise ConfigError(f"model.chat={chat}: allowed are null, tokenizer, or a file with a chat template")
        from jinja2 import Environment, TemplateSyntaxError  # only needed here

        try:
            text = _GENERATION.sub("", Path(chat).expanduser().read_text())
            Environment(extensions=["jinja2.ext.loopcontrols"]).parse(text)
        except TemplateSyntaxError as error:
            raise ConfigError(f"model.chat={chat}: no chat template (line {error.lineno}: {error.message})") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"model.chat={chat}: cannot be read ({error})") from None
        return
    if folder is not None and not _has_template(folder):
        raise ConfigError(
            f"model.chat=tokenizer: the tokenizer of {name} has no chat template; allowed are null, or a file with one"
        )


def _has_template(folder: Path) -> bool:
    return (folder / "chat_template.jinja").is_file() or bool(_read(folder / "tokenizer_config.json", "chat_template"))


def context_of(folder: Path) -> int:
    """The context of the model in `folder`, in tokens. Raises ConfigError if its config does not state it."""
    config = _load(folder / "config.json")
    context = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    if not isinstance(context, int):
        raise ConfigError(f"model.path={folder}: its config.json does not state max_position_embeddings")
    return context


def end_tokens(folder: Path, name: str = "") -> list[int]:
    """End token ids of the model in `folder`, ascending: those of model, generation and tokenizer configuration.

    Raises ConfigError, which calls the model `name`, if there are none.
    """
    ids: set[int] = set()
    config = _load(folder / "config.json")
    for value in (
        config.get("eos_token_id"),
        config.get("text_config", {}).get("eos_token_id"),
        _read(folder / "generation_config.json", "eos_token_id"),
    ):
        ids |= set(value if isinstance(value, list) else [] if value is None else [value])
    name = _read(folder / "tokenizer_config.json", "eos_token")
    name = name["content"] if isinstance(name, dict) else name
    tokens = _read(folder / "tokenizer.json", "added_tokens") or []
    ids |= {token["id"] for token in tokens if token["content"] == name}
    if not ids:
        raise ConfigError(f"{name or folder}: neither its configuration nor its tokenizer names an end token")
    return sorted(ids)


def tensor_names(folder: Path) -> set[str]:
    """Names of the tensors in the safetensors files of `folder`."""
    names: set[str] = set()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="np") as tensors:
            names |= set(tensors.keys())
    return names


def content_digest(folder: Path) -> str:
    """16 hex digits of a SHA-256 over names and contents of the files that determine the checkpoint's computation."""
    files = sorted({file for pattern in _CONTENT for file in folder.glob(pattern) if file.is_file()})
    lines = [f"{file.name} {_file_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _file_digest(file: Path) -> str:
    # A file of the hub's cache links to a blob; the name of a large blob is its SHA-256.
    if re.fullmatch("[0-9a-f]{64}", file.resolve().name):
        return file.resolve().name
    stat = file.stat()
    return _sha256(str(file.resolve()), stat.st_size, stat.st_mtime_ns)


@functools.cache
def _sha256(path: str, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def _read(file: Path, key: str) -> Any:
    """A top-level value of a JSON file; None where either is missing."""
    return _load(file).get(key) if file.is_file() else None
