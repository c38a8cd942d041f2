"""Tokenizers: a text survives them, and capitals do not."""

from __future__ import annotations

import math

import pytest
import torch

from arena.errors import ModelError
from arena.world.kinds.language import BitsPerCharacter
from arena.world.kinds.tokens import BYTES, Pieces, Tokenizer, packed, tokenizer
from tests import tiny_causal


@pytest.fixture(scope="module")
def pieces() -> Tokenizer:
    pytest.importorskip("tokenizers", reason="the extra language is not installed")
    settings = packed(tiny_causal.tokenizer().to_str())
    return tokenizer(settings, tiny_causal.VOCABULARY + 8)


@pytest.fixture(params=["bytes", "pieces"])
def cut(request: pytest.FixtureRequest, pieces: Tokenizer) -> Tokenizer:
    return BYTES if request.param == "bytes" else pieces


@pytest.mark.parametrize("text", ["The old fox", "Füchse & Krähen", "", "\n\t\0 x"])
def test_a_text_survives(cut: Tokenizer, text: str) -> None:
    tokens = cut.encode(text)
    assert cut.decode(tokens) == text
    assert tokens.dtype == torch.int64
    assert bytes(cut.spelt(tokens[None]).tolist()).decode() == text


def test_capitals_fall_into_small_letters(cut: Tokenizer) -> None:
    assert cut.small.shape == (cut.size,)
    assert torch.equal(cut.small[cut.small], cut.small)
    every = cut.texts(torch.arange(128)[:, None])
    for text, small in zip(every, cut.texts(cut.small[:128, None]), strict=True):
        assert small in (text.lower(), text)
    upper, lower = (cut.encode(letters) for letters in ("F", "f"))
    assert torch.equal(cut.folded(upper), lower)
    assert torch.equal(cut.folded(lower), lower)


def test_only_letters_of_english_are_folded(cut: Tokenizer) -> None:
    tokens = cut.encode("É 1 x")
    assert torch.equal(cut.folded(tokens), tokens)


def test_a_model_may_have_more_tokens_than_are_used(pieces: Tokenizer) -> None:
    assert pieces.decode(torch.tensor([pieces.size - 1])) == ""
    assert int(pieces.small[-1]) == pieces.size - 1


def test_a_tokenizer_is_made_again_of_what_a_card_holds(pieces: Tokenizer) -> None:
    again = Pieces(pieces.packed, pieces.size)
    assert torch.equal(again.encode("The old fox"), pieces.encode("The old fox"))
    assert tokenizer("", 256) is BYTES


def test_more_pieces_than_the_model_knows_are_refused(pieces: Tokenizer) -> None:
    with pytest.raises(ModelError, match="a tokenizer of at most 10 tokens, as many as its model"):
        Pieces(pieces.packed, 10)


@pytest.mark.parametrize("settings", ["", "{}", "[1]", '{"model": 1}'])
def test_what_is_no_tokenizer_is_refused(settings: str) -> None:
    pytest.importorskip("tokenizers", reason="the extra language is not installed")
    with pytest.raises(ModelError, match=r"expected a tokenizer.json, found another text"):
        Pieces(packed(settings), 256)


def test_bits_are_counted_by_characters_whatever_the_tokens(pieces: Tokenizer) -> None:
    """A uniform model needs log2 V bits a token, which is as many bits less a character."""
    text = tiny_causal.text()[:1200]
    rows = pieces.encode(text)[:240].view(8, 30)
    uniform = torch.full((8, 30, pieces.size), 1 / pieces.size)
    exam = BitsPerCharacter(rows, tokens=pieces)
    longest = len(pieces.spelt(rows[:, 1:])) / rows[:, 1:].numel()
    assert longest > 1.3
    assert exam.bits(uniform) == pytest.approx(math.log2(pieces.size) / longest)
    spelt = pieces.spelt(rows)
    assert exam.unigram == BitsPerCharacter(spelt[None]).unigram
