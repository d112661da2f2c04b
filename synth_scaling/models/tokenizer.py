"""Word-level tokenizers of the embedded tasks, and encoding without special tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

PAD, EOS = "<pad>", "</s>"


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
