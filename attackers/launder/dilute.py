"""Copy-paste: a few spans of the victim's text in a text of the thief's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.kinds.registry import find
from arena.world.rng import Rng
from attackers.launder.edits import Share
from attackers.launder.texts import Launderer


def pasted(text: str, own: str, spans: int, share: float, draw: np.random.Generator) -> str:
    """Return a text as long as `text`, of `own`, with a share of it in spans of `text`.

    Args:
        text: of the victim.
        own: at least as long.
        spans: how many pieces of equal length are pasted, in order, at random places.
        share: of the characters that are the victim's.
        draw: of the places.
    """
    piece = int(len(text) * share / spans)
    if not piece:
        return own[: len(text)]
    free = len(text) - spans * piece
    gaps = np.diff([0, *np.sort(draw.integers(0, free + 1, spans)), free])
    parts, at, read = [], 0, 0
    for gap in gaps[:-1]:
        parts.append(own[at : at + gap] + text[read : read + piece])
        at, read = at + gap, read + piece
    return "".join(parts) + own[at : at + gaps[-1]]


@attack("copy-paste")
@dataclass(frozen=True, kw_only=True)
class CopyPaste(Launderer):
    """Hides spans of the victim's text in text of the thief's own.

    What: what is pasted keeps its mark, all else is scored beside it and has none.
    Threat model: texts of the victim, and own texts to ask with and to hide in.
    Parameters: share (of characters that are the victim's); spans; n_texts, prompt as for PassOn.
    Cost: one query a text; most of the text is not the victim's.
    Differences to the paper: spans are of equal length.
    Reference: Kirchenbauer et al.: On the reliability of watermarks, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICLR 2024"
    dial: ClassVar[Dial] = Dial("share", 0.5, 0.05)

    share: Share = 0.25
    spans: Annotated[int, Field(ge=1)] = 3

    def laundered(self, texts: tuple[str, ...], access: Access, rng: Rng) -> tuple[str, ...]:
        """Return texts of the thief's own with something of the victim's in each."""
        own = "".join(find(access.card.kind).texts(access.data().images.flip(0), access.card))
        longest, made = max(map(len, texts)), []
        own *= 1 + len(texts) * longest // max(len(own), 1)
        for i, text in enumerate(texts):
            mine = own[i * longest : (i + 1) * longest]
            made.append(pasted(text, mine, self.spans, self.share, rng.child(i).numpy()))
        return tuple(made)
