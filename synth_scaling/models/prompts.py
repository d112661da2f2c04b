"""Prompt formats of pretrained models: a text around the question, and a chat template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class PromptFormat:
    """A text that contains {question}, and a chat template: None, "tokenizer", or a file with a Jinja template."""

    template: str = "{question}"
    chat: str | None = None
    system: str | None = None

    def encode(self, tokenizer: PreTrainedTokenizerBase, question: str) -> tuple[int, ...]:
        """Token ids of the prompt of `question`.

        A plain prompt starts with the tokens that the tokenizer puts before a text (BOS, for instance), without those
        that it puts after one. A chat template writes its special tokens itself, up to the assistant's turn. Raises
        ValueError if the question contains a special token.
        """
        ids = self._encode(tokenizer, question)
        special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        if sum(i in special for i in ids) != sum(i in special for i in self._encode(tokenizer, "")):
            raise ValueError(f"the question contains a special token of the tokenizer: {question!r}")
        return ids

    def _encode(self, tokenizer: PreTrainedTokenizerBase, question: str) -> tuple[int, ...]:
        text = self.template.replace("{question}", question)
        if self.chat is None:
            return _started(tokenizer, text)
        messages = [{"role": "user", "content": text}]
        if self.system is not None:
            messages.insert(0, {"role": "system", "content": self.system})
        template = None if self.chat == "tokenizer" else Path(self.chat).expanduser().read_text()
        ids: Any = tokenizer.apply_chat_template(
            messages, chat_template=template, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return tuple(ids)


def _started(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Token ids of `text` with the tokenizer's start tokens, and without its end token."""
    ids, bare = tokenizer.encode(text), tokenizer.encode(text, add_special_tokens=False)
    if bare and ids[-len(bare) :] != bare and ids[-1] == tokenizer.eos_token_id:
        ids = ids[:-1]
    return tuple(ids)
