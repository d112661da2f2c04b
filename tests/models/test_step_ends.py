"""The ends of steps in tokens whose texts do not join: byte-level pieces of characters, spaces that decoding strips."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from synth_scaling.models.codec import Codec

BYTES = {character: byte for byte, character in bytes_to_unicode().items()}


class Cut:
    """A task whose steps are cut at given places of any text."""

    def __init__(self, places: set[int]) -> None:
        self.places = places

    def steps(self, response: str) -> list[str]:
        stops = sorted({0, len(response), *(place for place in self.places if place < len(response))})
        return [response[a:b] for a, b in pairwise(stops)] or [response]


@pytest.fixture(scope="module")
def codec(smollm2: Path) -> Codec:
    return Codec(smollm2)


@pytest.fixture(scope="module")
def sentencepiece(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    """As Llama 2's: words begin with a mark for the space before them, unknown characters are bytes."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    words = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += [*"abc123+=", "▁", "▁a", "ab", "▁ab", "bc", "▁b"]
    merges = [("▁", "a"), ("a", "b"), ("▁a", "b"), ("b", "c"), ("▁", "b")]
    bpe = models.BPE({word: i for i, word in enumerate(words)}, merges, unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
    return Codec(folder)


def starts_by_bytes(codec: Codec, text: str, tokens: tuple[int, ...]) -> list[int]:
    """The character in which each token of a byte-level tokenizer starts, counted in bytes."""
    pieces = codec.tokenizer.convert_ids_to_tokens(list(tokens))
    sizes = [len(piece) if set(piece) <= BYTES.keys() else len(piece.encode()) for piece in pieces]
    ends = list(accumulate(len(character.encode()) for character in text))
    return [int(np.searchsorted(ends, at, side="right")) for at in accumulate(sizes[:-1], initial=0)]


def by_starts(steps: list[str], starts: list[int]) -> tuple[int, ...]:
    step_of = np.searchsorted(np.cumsum([0, *map(len, steps[:-1])]), starts, side="right")
    return (*(int(i) + 1 for i in np.flatnonzero(np.diff(step_of))), len(starts))


# Without what the vocabulary has no bytes for: control characters, and planes that nothing is assigned in.
CHARACTERS = st.characters(max_codepoint=0x3FFFF, exclude_categories=("Cs", "Cc"))
TEXTS = st.one_of(st.text(CHARACTERS, max_size=30), st.text("ab 1é€😀你\n", min_size=1, max_size=30))


@settings(max_examples=300)
@given(text=TEXTS, places=st.sets(st.integers(1, 29)))
@example(text="😀😀", places={1})
@example(text="a€\n€b", places={2, 3})
def test_steps_of_any_text_end_where_its_bytes_say(codec: Codec, text: str, places: set[int]) -> None:
    tokens, task = codec.encode(text), Cut(places)
    ends = codec.step_ends(task, tokens)  # type: ignore[arg-type]
    if not tokens:
        assert ends == (0,)
        return
    assert ends == by_starts(task.steps(text), starts_by_bytes(codec, text, tokens))
    assert ends == codec.step_ends_by_prefixes(task.steps(text), tokens, text)  # the slow road, taken or not
    assert ends[-1] == len(tokens) and all(a < b for a, b in pairwise((0, *ends)))


@settings(max_examples=200)
@given(st.lists(st.integers(0, 49151), max_size=12), st.sets(st.integers(1, 29)))
def test_any_sampled_tokens_have_steps_broken_characters_included(
    codec: Codec, tokens: list[int], places: set[int]
) -> None:
    ends, steps = codec.step_ends(Cut(places), tokens), Cut(places).steps(codec.decode(tokens))  # type: ignore[arg-type]
    assert ends[-1] == len(tokens) and 1 <= len(ends) <= len(steps)
    assert all(a < b for a, b in pairwise(ends))


@settings(max_examples=200)
@given(st.text("ab c12+=é€", min_size=1, max_size=20), st.sets(st.integers(1, 19)))
@example("ab bc", {2, 3})
def test_tokens_that_carry_the_space_before_a_word(sentencepiece: Codec, text: str, places: set[int]) -> None:
    text = text.strip() or "a"
    tokens, steps = sentencepiece.encode(text), Cut(places).steps(text)
    assert sentencepiece.decode(tokens) == text
    ends = sentencepiece.step_ends(Cut(places), tokens)  # type: ignore[arg-type]
    assert ends[-1] == len(tokens) and all(a < b for a, b in pairwise((0, *ends)))
    # A token's bytes are its piece's, but for the first space, which the decoder strips.
    pieces = sentencepiece.tokenizer.convert_ids_to_tokens(list(tokens))
    sizes = [1 if piece.startswith("<0x") else len(piece.replace("▁", " ").encode()) for piece in pieces]
    at = [max(0, x - 1) for x in accumulate(sizes[:-1], initial=0)]
    characters = list(accumulate(len(character.encode()) for character in text))
    assert ends == by_starts(steps, [int(np.searchsorted(characters, x, side="right")) for x in at])
