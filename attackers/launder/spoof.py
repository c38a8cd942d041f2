"""Stealing a key by counting, and writing with it in the victim's name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.language import tokens_of
from arena.world.rng import Rng
from attackers.launder.own_writer import own_writer
from attackers.launder.texts import Launderer
from defenders.language.scheme.normalise import normalised


class StolenLists:
    """How much more often each token stands behind a window in marked texts than in others.

    A window behind which too few tokens stood says nothing.
    """

    def __init__(
        self, marked: Sequence[Tensor], others: Sequence[Tensor], width: int, vocabulary: int = 256
    ) -> None:
        """Count.

        Args:
            marked: tokens (T,) of the victim's texts, folded.
            others: of texts without a mark.
            width: tokens in a window.
            vocabulary: how many tokens there are.
        """
        self.width, self.vocabulary = width, vocabulary
        theirs, usual = _followers(marked, width), _followers(others, width)
        self._excess = {
            window: self._rate(tokens) - self._rate(usual[window])
            for window, tokens in theirs.items()
            if len(tokens) >= _ENOUGH
        }

    def _rate(self, tokens: Sequence[int]) -> Tensor:
        """Return the logarithm of how frequent each token (V,) is, half a count more for each."""
        counts = torch.bincount(torch.tensor(tokens).long(), minlength=self.vocabulary).double()
        return ((counts + 0.5) / (counts.sum() + 0.5 * self.vocabulary)).log()

    def behind(self, tokens: Tensor) -> Tensor:
        """Return the excess (N, V) behind texts so far (N, t), folded; 0 where nothing is known."""
        excess = torch.zeros(len(tokens), self.vocabulary, dtype=torch.float64)
        if tokens.shape[1] < self.width:
            return excess
        for i, row in enumerate(tokens[:, tokens.shape[1] - self.width :].tolist()):
            known = self._excess.get(tuple(row))
            if known is not None:
                excess[i] = known
        return excess


def _followers(texts: Sequence[Tensor], width: int) -> defaultdict[tuple[int, ...], list[int]]:
    """Return the tokens that stand behind each window of some texts."""
    found: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for text in texts:
        tokens = text.tolist()
        for at in range(width, len(tokens)):
            found[tuple(tokens[at - width : at])].append(tokens[at])
    return found


_ENOUGH = 20  # tokens behind a window before its list is guessed


@attack("spoof")
@dataclass(frozen=True, kw_only=True)
class Spoof(Launderer):
    """Steals the lists of a mark by counting, and writes texts of its own that carry it.

    What: what stands behind a window more often in the victim's texts than in others is taken for
    green; a model of the thief's own favours it. Whoever reads the mark accuses the victim's model
    of what it never wrote.
    Threat model: texts of the victim; own texts to ask with, to compare with and to train on; the
    width of the scheme's windows is known.
    Parameters: width (h, as the thief believes); boost (added to the score of what is taken for
    green); steps (of the own model's training); n_texts (asked for, and forged), prompt as for
    PassOn.
    Cost: one query a text; one model trained. Lists of h = 0 and 1 take some 10,000 characters;
    windows of four seldom recur, so of those nothing is learnt.
    Differences to the paper: counts alone, without a model of the other windows.
    Reference: Jovanovic, Staab, Vechev: Watermark stealing in large language models, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Jovanovic et al., ICML 2024"
    dial: ClassVar[Dial] = Dial("boost", 1.0, 6.0)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"steps": 4, "n_texts": 4})

    width: Annotated[int, Field(ge=0)] = 1
    boost: Annotated[float, Field(ge=0)] = 4.0
    steps: Annotated[int, Field(ge=1)] = 400
    n_texts: Annotated[int, Field(ge=1)] = 128

    def laundered(self, texts: tuple[str, ...], access: Access, rng: Rng) -> tuple[str, ...]:
        """Return forged texts, as many and as long as the victim's."""
        cut, data = tokens_of(access.card), access.data()
        marked = [cut.folded(cut.encode(normalised(text))) for text in texts]
        others = [cut.folded(row) for row in data.images]
        stolen = StolenLists(marked, others, self.width, cut.size)

        def steer(tokens: Tensor, scores: Tensor) -> Tensor:
            return scores + self.boost * (stolen.behind(cut.folded(tokens)) > 0)

        model = own_writer(access, self.steps, rng.child("writer"))
        prompts = data.images[: len(texts), : self.prompt].long()
        length = access.grants.length
        return cut.texts(access.lab.write(model, prompts, length, steer, rng.child("forged")))
