"""False alarms over keys and models at once: two ways in which they repeat themselves.

One key is tried on many innocents and one innocent under many keys, so verdicts are not independent
of each other: an interval must let both vary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.game.court.statistics import proportion_interval
from arena.world.rng import Rng


def clustered_interval(
    accused: NDArray[np.float64], rng: Rng, confidence: float = 0.95, n_draws: int = 2000
) -> tuple[float, float]:
    """Return an interval for the share of verdicts that accuse, over keys and models.

    A bootstrap that draws rows and columns anew (the "pigeonhole" bootstrap; Owen, Annals of
    Applied Statistics 2007). Where all verdicts are alike it has no spread, and where there is one
    key it cannot speak of others: then the interval is the exact one of as many verdicts as there
    are independent ones.

    Args:
        accused: (K, M), 1 where a key accuses a model, 0 where it does not, NaN where it was not
            asked.
        rng: the stream of the bootstrap.
        confidence: of the interval.
        n_draws: of the bootstrap.

    >>> clustered_interval(np.zeros((1, 20)), Rng(0))[1] < 0.17
    True
    """
    asked = ~np.isnan(accused)
    n_keys, n_models = accused.shape
    if not asked.any():
        return 0.0, 1.0
    share = float(np.nansum(accused) / asked.sum())
    if n_keys == 1 or share in (0.0, 1.0):
        n = n_models if n_keys == 1 else min(n_keys, n_models)
        return proportion_interval(round(share * n), n, confidence)
    dice, known = rng.numpy(), np.nan_to_num(accused)
    keys = dice.multinomial(n_keys, np.full(n_keys, 1 / n_keys), n_draws).astype(np.float64)
    models = dice.multinomial(n_models, np.full(n_models, 1 / n_models), n_draws).astype(np.float64)
    hits = ((keys @ known) * models).sum(1)
    totals = ((keys @ asked.astype(np.float64)) * models).sum(1)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(hits[totals > 0] / totals[totals > 0], [tail, 100 - tail])
    return float(low), float(high)
