"""Keys that might have been drawn: what independent models say of a one-label trigger set.

How often a model gives one label to marked images depends on the model and on the key, and its
distribution over both has a heavy tail: most hit never, a few nearly always. Null models under the
one key that was drawn do not show that tail; the same models under other keys do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from arena.game.sides.suspect import Suspect

_QUIET = 0.25  # of its triggers a fair key may be answered by an independent model at most


def is_quiet(hits: Sequence[int], n: int) -> bool:
    """Say whether a key is fair: no independent model answers more than a quarter of its triggers.

    >>> is_quiet([3, 0, 10], 40), is_quiet([3, 0, 11], 40)
    (True, False)
    """
    return max(hits, default=0) <= _QUIET * n


def rates(keys: Sequence[tuple[Tensor, int]], models: Sequence[Suspect]) -> Tensor:
    """Return the share of each key's triggers that each model answers as the key wants, (M, K).

    Args:
        keys: the triggers of each, (N, C, H, W), and their one label.
        models: independent of the victim.
    """
    if not keys or not models:
        return torch.zeros(len(models), len(keys))
    sizes = [len(images) for images, _ in keys]
    shown = torch.cat([images for images, _ in keys])
    wanted = torch.cat([torch.full((n,), label) for n, (_, label) in zip(sizes, keys, strict=True)])
    hits = torch.stack([(model.labels(shown) == wanted).double() for model in models])
    return torch.stack([part.mean(1) for part in hits.split(sizes, 1)], 1).float()


def quiet_rates(found: Tensor, models: Sequence[int]) -> list[float]:
    """Return the rates of some models under the keys that would have been kept without them.

    A key is kept if no model answers much of it; of a model that helped to choose the keys its
    rates say nothing, so for each model the others choose.

    Args:
        found: (M, K), as `rates` returns them.
        models: whose rates are wanted.

    >>> quiet_rates(torch.tensor([[0.0, 1.0], [0.9, 0.1]]), [0, 1])
    [1.0, 0.8999999761581421]
    """
    kept = []
    for i in models:
        others = torch.cat([found[:i], found[i + 1 :]])
        quiet = (others <= _QUIET).all(0)
        kept += found[i, quiet].tolist()
    return kept
