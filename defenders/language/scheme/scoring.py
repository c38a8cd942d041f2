"""What of a text is scored: each pair of a context and a token once, whatever was repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import scipy
import torch
from torch import Tensor

from defenders.language.scheme.prf import Seeding, contexts


class Scored(NamedTuple):
    """The places of some texts that a mark is looked for in: int64 (n,) each."""

    contexts: Tensor
    tokens: Tensor

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.tokens)


def scored(
    texts: Sequence[Tensor], width: int, key: int, seeding: Seeding, *, once: bool = True
) -> Scored:
    """Return the places of texts, each a tensor of tokens (T,), at which a mark can be read.

    A text without its prompt has T - h of them, or T - h + 1 where the token is part of its own
    context. The numbers of distinct pairs of context and token are independent, those of a repeated
    pair are one number: so each is counted once, in all texts together.

    Args:
        texts: without their prompts.
        width: tokens in a window, h.
        key: see `keyed`.
        seeding: how windows give contexts.
        once: count each pair once; False shows what goes wrong without.
    """
    first = width - 1 if seeding == "selfhash" else width
    found, tokens = [], []
    for text in texts:
        if len(text) <= first:
            continue
        behind = text[first:]
        if width:
            windows = text.unfold(0, width, 1)  # (T - h + 1, h)
            windows = windows if seeding == "selfhash" else windows[:-1]
        else:
            windows = text.new_zeros(len(text), 0)
        found.append(contexts(windows, key, seeding))
        tokens.append(behind)
    if not tokens:
        return Scored(torch.zeros(0).long(), torch.zeros(0).long())
    pairs = torch.stack([torch.cat(found), torch.cat(tokens)], 1)
    pairs = pairs.unique(dim=0) if once else pairs
    return Scored(pairs[:, 0], pairs[:, 1])


def gamma_tail(total: float, n: int) -> float:
    """Return P(Gamma(n, 1) >= total): the p-value of a sum of n exponential scores.

    >>> round(gamma_tail(3.0, 1), 4)
    0.0498
    """
    return float(scipy.special.gammaincc(n, total)) if n else 1.0


def gamma_bound(n: int, level: float) -> float:
    """Return the sum of n scores at which the p-value is `level`."""
    return float(scipy.special.gammainccinv(n, level))


def repeats(tokens: Tensor, width: int) -> Tensor:
    """Return for each text so far (N, t) whether its last `width` tokens stood there before.

    A mark that draws by the context alone would write the same once more there.
    """
    if tokens.shape[1] <= width:
        return torch.zeros(len(tokens), dtype=torch.bool)
    windows = tokens.unfold(1, width, 1)  # (N, t - h + 1, h)
    same = (windows[:, :-1] == windows[:, -1:]).all(2)
    return same.any(1)
