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

        A plain prompt starts with the tokens that the tokenizer puts before a text (BOS, for instance), once even if
        the template spells them, and without those that it puts after one. A chat template writes its special tokens
        itself, up to the assistant's turn. Raises ValueError if the question contains a special token.
        """
        ids = self._encode(tokenizer, question)
        special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        if sum(i in special for i in ids) != sum(i in special for i in self._encode(tokenizer, "")):
            raise ValueError(f"the question contains a special token of the tokenizer: {question!r}")
        return ids

    def _encode(self, tokenizer: PreTrainedTokenizerBase, question: str) -> tuple[int, ...]:
        text = self.template.replace("{question}", question)
        start = _start(tokenizer)
        head = tokenizer.encode(self.template.partition("{question}")[0], add_special_tokens=False)
        spelled = bool(start) and head[: len(start)] == start
        if self.chat is None:
            return tuple([*([] if spelled else start), *tokenizer.encode(text, add_special_tokens=False)])
        messages = [{"role": "user", "content": text}]
        if self.system is not None:
            messages.insert(0, {"role": "system", "content": self.system})
        template = None if self.chat == "tokenizer" else Path(self.chat).expanduser().read_text()
        ids: Any = tokenizer.apply_chat_template(
            messages, chat_template=template, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        if spelled and list(ids[: 2 * len(start)]) == 2 * start:
            ids = ids[len(start) :]
        return tuple(ids)


def _start(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that the tokenizer puts before a text."""
    ids, bare = tokenizer.encode("1"), tokenizer.encode("1", add_special_tokens=False)
    return next((ids[:i] for i in range(len(ids)) if ids[i : i + len(bare)] == bare), [])
