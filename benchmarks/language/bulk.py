"""The verdicts of a mark on many texts of one length at once: the same p-values, faster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy
import torch
from torch import Tensor

from defenders.language.gumbel import Gumbel
from defenders.language.kgw import GreenMark
from defenders.language.marks import TextMark
from defenders.language.scheme.prf import contexts, green_lists, keyed, uniforms
from defenders.language.unigram import N_LISTS, ROUNDING, Unigram

_CHUNK = 1024
Values = npt.NDArray[np.float64]


def p_values(mark: TextMark, number: int, texts: Tensor) -> tuple[Values, Values]:
    """Return the p-value and the number scored (N,) of texts, folded tokens (N, L).

    Args:
        mark: by green lists or by draws.
        number: of the key, as in `text_marks.key`.
        texts: without their prompts.
    """
    secret = f"{number:064x}"
    if isinstance(mark, Unigram):
        return _ranks(mark, secret, texts)
    if isinstance(mark, Gumbel):
        u = uniforms(*_places(texts, mark.width, keyed(secret), "ordered"))
        ordered, first = _once(u)
        scores = (-torch.log1p(-ordered) * first).sum(1).numpy()
        n = first.sum(1).numpy()
        return scipy.special.gammaincc(n, scores), n.astype(np.float64)
    assert isinstance(mark, GreenMark)
    colours = mark.wrapper(secret).colouring
    where = _places(texts, colours.width, colours.key, colours.seeding)
    u = uniforms(*where)
    green = u < colours.gamma
    if colours.fixed:
        known, which = where[0].unique(return_inverse=True)
        parts = known.split(_CHUNK)  # so that each stays in the cache
        lists = [green_lists(part, colours.gamma, colours.vocabulary) for part in parts]
        green = torch.cat(lists)[which, where[1]]
    order = u.argsort(1)
    _, first = _once(u)
    hits = (green.gather(1, order) & first).sum(1).numpy()
    n = first.sum(1).numpy()
    return scipy.stats.binom.sf(hits - 1, n, colours.chance), n.astype(np.float64)


def _ranks(mark: Unigram, secret: str, texts: Tensor) -> tuple[Values, Values]:
    """Return the ranks of green shares among those of random lists, and the distinct tokens."""
    every, which = texts.unique(return_inverse=True)
    counts = torch.nn.functional.one_hot(which).sum(1)  # (N, distinct tokens of all texts)
    weights = counts.double() / texts.shape[1]
    own = mark.lists_of(keyed(secret), every, 1).double() @ weights.T  # (1, N)
    nulls = mark.lists_of(keyed(secret + "nulls"), every, N_LISTS).double() @ weights.T
    above = (nulls >= own - ROUNDING).sum(0)
    return ((1 + above) / (1 + N_LISTS)).numpy(), (counts > 0).sum(1).double().numpy()


def _places(texts: Tensor, width: int, key: int, seeding: str) -> tuple[Tensor, Tensor]:
    """Return contexts and tokens (N, P) of every place that can be scored."""
    windows = texts.unfold(1, width, 1)
    if seeding == "selfhash":
        return contexts(windows, key, "selfhash"), texts[:, width - 1 :]
    assert seeding in ("lefthash", "minhash", "ordered")
    return contexts(windows[:, :-1], key, seeding), texts[:, width:]  # type: ignore[arg-type]


def _once(u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the numbers of each text in order, and which of equal ones is the first: a pair's."""
    ordered = u.sort(1).values
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return ordered, first
