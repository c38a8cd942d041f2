"""What a theft was worth: what it added to what the thief could have had without the victim.

A thief with enough labelled data of its own trains a good model alone, and calling that a theft
makes every owner lose. So the referee trains what the thief could have had: the same granted data,
the architecture that it knows, the task's recipe, and not one query.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from arena.game.rules import score
from arena.world.json_values import Frozen
from arena.world.rng import Rng

_N_DRAWS = 500
_TAIL = 2.5  # per cent on either side of an interval


class Worth(Frozen):
    """What a theft was worth.

    Attributes:
        alone: the utility in [0, 1] of what the thief could have had without the victim.
        gain: the share in [0, 1] of the victim's lead over that which the thief took.
        low, high: its 95 % interval, by a paired bootstrap over the test inputs.
        pays: whether there was something to steal: a lead of at least 0.02.
    """

    alone: float
    gain: float
    low: float
    high: float
    pays: bool


def plain_worth(suspect: float, victim: float, alone: Sequence[float], floor: float) -> Worth:
    """Return what a theft was worth where utility is no mean over inputs: without an interval.

    Args:
        suspect: the suspect's utility.
        victim: the victim's.
        alone: of the models that the thief could have had; none where it has no labels.
        floor: the utility of what knows nothing.
    """
    without = sum(alone) / len(alone) if alone else floor
    gain = score.gain(suspect, victim, without)
    pays = score.pays(victim, without)
    return Worth(alone=without, gain=gain, low=gain, high=gain, pays=pays)


def worth(
    suspect: Tensor, victim: Tensor, alone: Sequence[Tensor], floor: float, rng: Rng
) -> Worth:
    """Return what a theft was worth.

    Args:
        suspect: how useful each answer of the suspect is, (N,), as 0 or 1.
        victim: how useful the victim's are, (N,).
        alone: and those of the models that the thief could have had; none where it has no labels.
        floor: the utility of what knows nothing, which a thief without labels has alone.
        rng: the stream of the bootstrap.
    """
    sides = [side.double().numpy() for side in (suspect, victim)]
    own = np.mean([side.double().numpy() for side in alone], axis=0) if alone else None
    taken, whole = (float(side.mean()) for side in sides)
    without = floor if own is None else float(own.mean())
    n = len(sides[0])
    weights = rng.numpy().multinomial(n, np.full(n, 1 / n), _N_DRAWS) / n  # (draws, N)
    drawn = [weights @ side for side in sides]
    drawn_alone = np.full(_N_DRAWS, floor) if own is None else weights @ own
    gains = [
        score.gain(float(a), float(b), float(c))
        for a, b, c in zip(drawn[0], drawn[1], drawn_alone, strict=True)
    ]
    low, high = np.percentile(gains, [_TAIL, 100 - _TAIL])
    return Worth(
        alone=without,
        gain=score.gain(taken, whole, without),
        low=float(low),
        high=float(high),
        pays=score.pays(whole, without),
    )
