"""Disguises: the bytes of a text change, and a reader sees little or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from arena.game.sides.attack import attack
from attackers.launder.edits import Edit
from attackers.launder.texts import Changer
from defenders.language.scheme.normalise import HOMOGLYPHS

_LOOKALIKES = MappingProxyType({latin: chr(other) for other, latin in HOMOGLYPHS.items()})
_INVISIBLE = "\u200b"


@attack("homoglyphs")
@dataclass(frozen=True, kw_only=True)
class Homoglyphs(Edit):
    """Replaces letters by letters of other alphabets that look the same, and adds invisible ones.

    What: a reader sees the same text, a tokenizer another.
    Threat model: texts of the victim, and own texts to ask with; the scheme is public, so its
    normaliser is known.
    Parameters: share (of characters); n_texts, prompt as for PassOn.
    Cost: one query a text; none that a reader sees.
    Differences to the paper: none.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023, section 7.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text in the letters of several alphabets."""
        hit = draw.random(len(text)) < self.share
        return "".join(
            _LOOKALIKES.get(c, c + _INVISIBLE) if spoilt else c
            for c, spoilt in zip(text, hit, strict=True)
        )


@attack("lower-case")
@dataclass(frozen=True, kw_only=True)
class LowerCase(Changer):
    """Writes everything in small letters.

    What: every capital letter becomes another token.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: n_texts, prompt as for PassOn.
    Cost: one query a text; capitals are lost.
    Differences to the paper: none.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023, section 7.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text in small letters."""
        return text.lower()
