"""Word-level tokenizers of the embedded tasks, and encoding without special tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

PAD, EOS = "<pad>", "</s>"


def word_tokenizer(vocabulary: Sequence[str], token_pattern: str) -> PreTrainedTokenizerFast:
    """A tokenizer with one id per vocabulary entry, on the matches of the regular expression `token_pattern`.

    The matches must join to the text. :func:`encode` raises ValueError for text outside the vocabulary.
    """
    ids = {token: i for i, token in enumerate([PAD, EOS, *vocabulary])}
    inner = Tokenizer(models.WordLevel(ids))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(token_pattern), "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, eos_token=EOS)


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Token ids of `text`, without special tokens: one that it contains is encoded as characters.

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
    """The text of `tokens`, with special tokens, and without clean-up of spaces."""
    text = tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, with truncation and padding switched off.

    Without a padding token the end token pads: padding is neither trained on nor attended to.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
