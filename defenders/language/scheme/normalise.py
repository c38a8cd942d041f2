"""Undoing what changes the bytes of a text and not its look: homoglyphs, invisible characters."""

from __future__ import annotations

import unicodedata

HOMOGLYPHS = {
    # Cyrillic
    0x430: "a", 0x441: "c", 0x435: "e", 0x4BB: "h", 0x456: "i", 0x458: "j", 0x4CF: "l",
    0x43E: "o", 0x440: "p", 0x455: "s", 0x445: "x", 0x443: "y", 0x501: "d", 0x51B: "q",
    0x51D: "w", 0x410: "A", 0x412: "B", 0x421: "C", 0x415: "E", 0x41D: "H", 0x406: "I",
    0x408: "J", 0x41A: "K", 0x41C: "M", 0x41E: "O", 0x420: "P", 0x405: "S", 0x422: "T",
    0x425: "X",
    # Greek
    0x3B1: "a", 0x3BF: "o", 0x3A5: "Y", 0x396: "Z", 0x39D: "N",
    # Armenian
    0x578: "n",
}  # fmt: skip
"""Code points of letters that look like Latin ones, and which."""


def normalised(text: str) -> str:
    """Return a text in composed form (NFKC), in Latin letters, without invisible characters.

    >>> normalised("f\u043ex\u200b")
    'fox'
    """
    plain = unicodedata.normalize("NFKC", text).translate(HOMOGLYPHS)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf")
