"""Texts as data: rows of bytes in their order, from a file or from a grammar of our own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source
from arena.world.rng import Rng

ROW = 128  # bytes of one example
_TEST = 0.1  # the share at the end of a text that is its test part
_LEAST_ROWS = 40
FABLES_VERSION = "fables 1"
_FABLES_BYTES = 240_000


def read_text(path: Path, name: str) -> Source:
    """Return a text file as rows of bytes; its last tenth is the test part.

    Raises:
        DataError: it cannot be read, is no UTF-8, or is too short.
    """
    try:
        blob = path.read_bytes()
        blob.decode()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); check that it is a file"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected a text in UTF-8 at {path}, found a byte that is none at {error.start:,}; "
            "save it as UTF-8"
        ) from error
    return rows_of(blob, name)


def rows_of(blob: bytes, name: str) -> Source:
    """Return a text, given as its bytes, as rows (N, 128) of one class.

    An end that fills no row is left out.

    Raises:
        DataError: the text is too short.
    """
    n = len(blob) // ROW
    if n < _LEAST_ROWS:
        raise DataError(
            f"expected a text of at least {_LEAST_ROWS * ROW:,} bytes for {name!r}, found "
            f"{len(blob):,}; take a longer one"
        )
    rows = torch.from_numpy(np.frombuffer(blob[: n * ROW], np.uint8).copy()).reshape(n, ROW)
    whole = Dataset(name, rows, torch.zeros(n, dtype=torch.int64), ("text",))
    first = round(n * (1 - _TEST))
    return Source(whole.select(torch.arange(first)), whole.select(torch.arange(first, n)))


def fables() -> Source:
    """Return a quarter of a megabyte of small stories that a grammar tells: a text of our own."""
    draw = Rng(0).child("fables").numpy()
    told, size = [], 0
    while size < _FABLES_BYTES:
        told.append(_fable(draw))
        size += len(told[-1])
    return rows_of("\n\n".join(told).encode()[:_FABLES_BYTES], "fables")


class _Drawn(dict[str, str]):
    """The words of a story: a new one wherever a pattern asks for one of a kind."""

    def __init__(self, draw: np.random.Generator) -> None:
        self.draw = draw
        super().__init__(hero=self["animal"], other=self["animal"])

    def __missing__(self, kind: str) -> str:
        return self.one(_WORDS[kind])

    def one(self, words: Sequence[str]) -> str:
        return words[int(self.draw.integers(len(words)))]


def _fable(draw: np.random.Generator) -> str:
    """Return one story of three to seven sentences."""
    words = _Drawn(draw)
    told = (words.one(_PATTERNS).format_map(words) for _ in range(int(draw.integers(3, 8))))
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in told)


_WORDS = {
    kind: words.split(", ")
    for kind, words in {
        "animal": (
            "fox, crow, hare, tortoise, lion, mouse, wolf, lamb, stork, frog, eagle, "
            "beetle, ox, ass, goat, cat, owl, stag, dog, ant, cicada, bear, camel, crane, "
            "dove, fisher, heron, jackal, kite, lark, mole, otter"
        ),
        "adjective": (
            "old, proud, hungry, clever, quiet, tired, young, foolish, grey, brave, lazy, "
            "patient, vain, thin, gentle, cunning, cold, merry, poor, weary, small, great, "
            "bitter, honest, idle, swift, blind, solemn"
        ),
        "noun": (
            "grape, cheese, river, bread, stone, shadow, winter, harvest, feather, bone, "
            "honey, lantern, bell, rope, mirror, basket, net, crown, acorn, thorn, kettle, "
            "market, mountain, orchard, bridge, mill, candle, road, fire, well, drum, "
            "ladder, coin, letter, garden, hammer"
        ),
        "verb": (
            "found, stole, wanted, lost, carried, hid, praised, feared, guarded, dropped, "
            "sold, watched, buried, followed, promised, broke, mended, forgot, painted, "
            "counted, weighed, borrowed"
        ),
        "place": (
            "in the wood, by the sea, at the gate, under an oak, on the hill, near the "
            "mill, behind the barn, along the road, across the field, beneath the wall, "
            "beyond the marsh, at the fair"
        ),
        "time": (
            "one day, at dusk, in spring, after the rain, before dawn, long ago, that "
            "night, at noon, when the snow fell, late in autumn, on a market day, as the "
            "wind turned"
        ),
        "speech": (
            "said, asked, cried, answered, whispered, laughed, sighed, replied, shouted, sang"
        ),
    }.items()
}
_PATTERNS = (
    "{time} the {adjective} {hero} {verb} a {noun} {place}.",
    "the {hero} {verb} what the {other} {verb} {place}.",
    '"give me the {noun}," {speech} the {other}, "and I shall show you the {adjective} {animal}."',
    '"no {noun} is worth a {adjective} {noun}," {speech} the {hero}.',
    "but the {other} was {adjective}, and the {noun} was {adjective}.",
    "so they went {place}, where the {animal} kept a {adjective} {noun}.",
    "whoever {verb} the {noun} of a {adjective} {animal} will be {adjective} {time}.",
    "neither the {hero} nor the {animal} {verb} it again.",
)
