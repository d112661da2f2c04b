"""Prompt formats of pretrained models: a text around the question, and a chat template."""

from __future__ import annotations

import functools
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
        ids, (special, count) = self._encode(tokenizer, question), _fixed(self, tokenizer)
        if sum(i in special for i in ids) != count:
            raise ValueError(f"the question contains a special token of the tokenizer: {question!r}")
        return ids

    def _encode(self, tokenizer: PreTrainedTokenizerBase, question: str) -> tuple[int, ...]:
        text = self.template.replace("{question}", question)
        start, spelled = _framed(self.template, tokenizer)
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


@functools.lru_cache(maxsize=8)
def _fixed(prompts: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> tuple[frozenset[int], int]:
    """The special tokens of the tokenizer, and how many of them a prompt has without its question."""
    special = frozenset(id for id, token in tokenizer.added_tokens_decoder.items() if token.special)
    return special, sum(i in special for i in prompts._encode(tokenizer, ""))


@functools.lru_cache(maxsize=8)
def _framed(template: str, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], bool]:
    """The start tokens of the tokenizer, and whether the template spells them."""
    start = _start(tokenizer)
    head = tokenizer.encode(template.partition("{question}")[0], add_special_tokens=False)
    return start, bool(start) and head[: len(start)] == start


def _start(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that the tokenizer puts before a text: seen with one that is a single token."""
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    for id in range(len(tokenizer)):
        text = "" if id in special else str(tokenizer.decode([id]))
        if text.strip() and tokenizer.encode(text, add_special_tokens=False) == [id]:
            ids: list[int] = tokenizer.encode(text)
            return list(ids[: ids.index(id)])
    return []
