"""From-scratch models: a small Llama with a word-level tokenizer, saved as a Hugging Face folder.

vLLM, transformers and TRL load the folder like any other model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM
from transformers import set_seed as set_all_seeds
from transformers.utils import logging as transformers_logging

from synth_scaling.models.tokenizer import word_tokenizer
from synth_scaling.tasks.task import EmbeddedTask


@dataclass
class TinyLlama:
    """Shape of a from-scratch Llama. vLLM's CPU attention takes head sizes 32, 64, 80, 96, 112, 128, ... only."""

    width: int = 64
    layers: int = 4
    heads: int = 2
    feedforward: int = 128  # SwiGLU's inner width


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
