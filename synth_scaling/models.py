"""From-scratch models: a small Llama and its own word-level tokenizer, saved as a Hugging Face folder.

The folder loads like any other model in vLLM, transformers and TRL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers import set_seed as set_all_seeds
from transformers.utils import logging as transformers_logging

from synth_scaling.tasks.task import EmbeddedTask

PAD, EOS = "<pad>", "</s>"


@dataclass
class TinyLlama:
    """Shape of a from-scratch Llama. vLLM's CPU attention takes head sizes 32, 64, 80, 96, 112, 128, ... only."""

    width: int = 64
    layers: int = 4
    heads: int = 2
    feedforward: int = 128  # SwiGLU's inner width


def word_tokenizer(vocabulary: Sequence[str], token_pattern: str) -> PreTrainedTokenizerFast:
    """One id a vocabulary entry; `token_pattern` cuts text, joining the pieces gives the text back.

    Raises KeyError-like ``ValueError`` when used on text outside the vocabulary (see :func:`encode`).
    """
    ids = {token: i for i, token in enumerate([PAD, EOS, *vocabulary])}
    inner = Tokenizer(models.WordLevel(ids))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(token_pattern), "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, eos_token=EOS)


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Token ids of `text`, no special tokens: one that it spells out is read as characters.

    Raises ValueError if they do not decode back to it.
    """
    try:
        ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        back = decode(tokenizer, ids)
    except Exception as error:  # tokenizers raises nothing narrower for an unknown word
        raise ValueError(f"the tokenizer does not know this text: {text!r} ({error})") from None
    if back != text:
        raise ValueError(f"the tokenizer does not give this text back: {text!r}")
    return tuple(ids)


def decode(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]) -> str:
    """The text of `tokens` as it is: special tokens are shown, no space is cleaned up."""
    text = tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def create_tiny_llama(folder: Path, task: EmbeddedTask, shape: TinyLlama, seed: int) -> None:
    """Write a randomly initialised model for `task` and its tokenizer to `folder` (safetensors)."""
    tokenizer = word_tokenizer(task.vocabulary, task.token_pattern)
    longest = task.max_prompt_tokens + task.max_response_tokens + 1
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.feedforward,
        max_position_embeddings=max(64, 1 << (longest - 1).bit_length()),
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    set_all_seeds(seed)
    transformers_logging.disable_progress_bar()
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint; it never cuts or pads, whatever was saved with it.

    Without a padding token the end token pads: what stands there is never trained on, nor seen by what is.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
