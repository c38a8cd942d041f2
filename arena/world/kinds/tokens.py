"""Tokenizers: from a text to the tokens that a model of language reads, and back."""

from __future__ import annotations

import base64
import string
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from arena.errors import ModelError

_MOST_JSON = 64 * 2**20  # bytes of a tokenizer's settings
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Tokenizer(ABC):
    """What a model of language reads and writes in the place of characters.

    Attributes:
        size: how many tokens there are, V.
        packed: what a card holds of it, from which `tokenizer` makes it again; "" are bytes.
    """

    size: int
    packed: str = ""

    @abstractmethod
    def encode(self, text: str) -> Tensor:
        """Return the tokens (T,) of a text, int64; none stands for its beginning or end."""

    @abstractmethod
    def decode(self, tokens: Tensor) -> str:
        """Return the text of tokens (T,); what is no UTF-8 becomes replacement characters."""

    @abstractmethod
    def spelt(self, tokens: Tensor) -> Tensor:
        """Return the bytes (n,) that rows of tokens (N, T) stand for, int64."""

    @property
    @abstractmethod
    def small(self) -> Tensor:
        """Which token stands for each (V,): the one of the same letters without capitals.

        One whose small form is no token stands for itself. Only the letters A to Z are made small.
        """

    def folded(self, tokens: Tensor) -> Tensor:
        """Return tokens (of any shape) without capitals.

        A mark that looks at folded tokens alone is not touched by the case of letters.
        """
        return self.small.to(tokens.device)[tokens.long()]

    def texts(self, rows: Iterable[Tensor]) -> tuple[str, ...]:
        """Return the text of each row of tokens (T,)."""
        return tuple(self.decode(row) for row in rows)


class Bytes(Tokenizer):
    """Tokens are the bytes of UTF-8.

    >>> BYTES.decode(BYTES.encode("a fable"))
    'a fable'
    """

    size = 256

    def encode(self, text: str) -> Tensor:
        """Return the bytes (T,)."""
        return torch.tensor(list(text.encode()), dtype=torch.int64)

    def decode(self, tokens: Tensor) -> str:
        """Return the text."""
        return bytes(tokens.to(torch.uint8).tolist()).decode(errors="replace")

    def spelt(self, tokens: Tensor) -> Tensor:
        """Return the tokens themselves."""
        return tokens.flatten().long()

    @cached_property
    def small(self) -> Tensor:
        """The bytes of capital letters become those of small ones."""
        return torch.tensor([ord(chr(b).translate(_SMALL)) for b in range(self.size)])


class Pieces(Tokenizer):
    """Tokens are pieces of words, as the library tokenizers cuts them (extra `language`)."""

    def __init__(self, packed: str, size: int) -> None:
        """Read a tokenizer.

        Args:
            packed: as `packed` returns it.
            size: of the vocabulary of its model, which may hold more tokens than are used.

        Raises:
            ModelError: it is damaged, has more tokens than the model, or the library is missing.
        """
        self.packed, self.size = packed, size
        self._cuts = _read(_unpacked(packed))
        if self._cuts.get_vocab_size() > size:
            raise ModelError(
                f"expected a tokenizer of at most {size:,} tokens, as many as its model, found "
                f"{self._cuts.get_vocab_size():,}; take the tokenizer that the model learnt with"
            )

    def encode(self, text: str) -> Tensor:
        """Return the pieces (T,)."""
        cut = self._cuts.encode(text, add_special_tokens=False)
        return torch.tensor(cut.ids, dtype=torch.int64)

    def decode(self, tokens: Tensor) -> str:
        """Return the text; tokens that stand for no text, such as its end, are left out."""
        text: str = self._cuts.decode(tokens.tolist(), skip_special_tokens=True)
        return text

    def spelt(self, tokens: Tensor) -> Tensor:
        """Return the bytes of the text of each row."""
        return BYTES.encode("".join(self.texts(tokens)))

    @cached_property
    def small(self) -> Tensor:
        """Each piece becomes the piece of the same letters in small, where there is one."""
        numbers = self._cuts.get_vocab()
        stands = torch.arange(self.size)
        for piece, number in numbers.items():
            stands[number] = numbers.get(piece.translate(_SMALL), number)
        return stands


BYTES = Bytes()


@lru_cache(maxsize=8)
def tokenizer(packed: str, size: int) -> Tokenizer:
    """Return the tokenizer that a card describes; raises like `Pieces`.

    Args:
        packed: the card's `tokenizer`; "" are bytes.
        size: its `vocabulary`.
    """
    return Pieces(packed, size) if packed else BYTES


def packed(settings: str) -> str:
    """Return the settings of a tokenizer, the text of a tokenizer.json, as a card holds them."""
    return base64.b85encode(zlib.compress(settings.encode())).decode()


def _unpacked(text: str) -> str:
    try:
        held = zlib.decompressobj()
        settings = held.decompress(base64.b85decode(text), _MOST_JSON).decode()
    except (ValueError, zlib.error) as error:
        raise ModelError(f"the tokenizer in the card is damaged ({error})") from error
    return settings


def _read(settings: str) -> Any:
    try:
        return import_module("tokenizers").Tokenizer.from_str(settings)
    except ImportError as error:
        raise ModelError(
            f"expected the library tokenizers for a model with a tokenizer of its own, found none "
            f"({error}); try pip install 'copyright-arena[language]'"
        ) from error
    except Exception as error:  # the library raises nothing more special over damaged settings
        reason = f"{error}".partition("\n")[0][:200]
        raise ModelError(f"expected a tokenizer.json, found another text ({reason})") from error
