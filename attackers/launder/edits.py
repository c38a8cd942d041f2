"""Edits of single characters, at random: each spoils the windows that it falls into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from attackers.launder.texts import LETTERS, Changer

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class Edit(Changer):
    """Base class of edits at a share of the places."""

    dial: ClassVar[Dial] = Dial("share", 0.02, 0.5)

    share: Share = 0.1


@attack("substitute")
@dataclass(frozen=True, kw_only=True)
class Substitute(Edit):
    """Replaces a share of the characters by random letters.

    What: each replaced character is no longer the one that was drawn, and changes the context of
    the h behind it.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: share (of characters); n_texts, prompt as for PassOn.
    Cost: one query a text; the text is worse by what was replaced.
    Differences to the paper: letters at random, where the paper replaces words by a model's.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text with other letters in some places."""
        hit = draw.random(len(text)) < self.share
        letters = draw.integers(0, len(LETTERS), len(text))
        return "".join(
            LETTERS[letter] if spoilt else c
            for c, spoilt, letter in zip(text, hit, letters, strict=True)
        )


@attack("delete")
@dataclass(frozen=True, kw_only=True)
class Delete(Edit):
    """Leaves out a share of the characters.

    What: each gap changes the context of the h characters behind it.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: share (of characters); n_texts, prompt as for PassOn.
    Cost: one query a text; the text is worse by what is missing.
    Differences to the paper: characters, where the paper deletes words.
    Reference: Kirchenbauer et al.: On the reliability of watermarks, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICLR 2024"

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text with gaps."""
        kept = draw.random(len(text)) >= self.share
        return "".join(c for c, keep in zip(text, kept, strict=True) if keep)


@attack("insert")
@dataclass(frozen=True, kw_only=True)
class Insert(Edit):
    """Puts random letters behind a share of the characters.

    What: each new letter changes the context of the h characters behind it.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: share (of characters behind which a letter is put); n_texts, prompt as for PassOn.
    Cost: one query a text; the text is worse by what was put in.
    Differences to the paper: letters, where the paper inserts words.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the longer text."""
        hit = draw.random(len(text)) < self.share
        letters = draw.integers(0, len(LETTERS), len(text))
        return "".join(
            c + LETTERS[letter] if spoilt else c
            for c, spoilt, letter in zip(text, hit, letters, strict=True)
        )


@attack("scramble")
@dataclass(frozen=True, kw_only=True)
class Scramble(Changer):
    """Puts the words within each few words into another order.

    What: characters inside of words keep their contexts, those at their edges lose them.
    Threat model: texts of the victim, and own texts to ask with.
    Parameters: window (words that change places with one another); n_texts, prompt as for PassOn.
    Cost: one query a text; the order of words is lost.
    Differences to the paper: words in windows, where the paper scrambles sentences.
    Reference: Kirchenbauer et al.: On the reliability of watermarks, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICLR 2024"
    dial: ClassVar[Dial] = Dial("window", 2, 10)

    window: Annotated[int, Field(ge=1)] = 4

    def changed(self, text: str, draw: np.random.Generator) -> str:
        """Return the text with words in another order."""
        words = text.split(" ")
        parts = [words[i : i + self.window] for i in range(0, len(words), self.window)]
        return " ".join(part[i] for part in parts for i in draw.permutation(len(part)))
