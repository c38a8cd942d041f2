"""The score of a round; every formula is explained in docs/protocol.md."""

from __future__ import annotations

TOLERANCE = 0.05
"""The accuracy that a removal may cost at most, unless a scenario says so (the SoK's rule)."""


def kept(suspect: float, victim: float, chance: float) -> float:
    """Return the share in [0, 1] of the victim's usefulness above chance that the suspect kept.

    >>> round(kept(0.55, 1.0, 0.1), 9)
    0.5
    """
    if victim <= chance:
        return 1.0 if suspect >= victim else 0.0
    return min(1.0, max(0.0, (suspect - chance) / (victim - chance)))


WORTH = 0.02
"""The lead of the victim over what the thief could have alone, below which nothing is to steal."""


def gain(suspect: float, victim: float, alone: float) -> float:
    """Return the share in [0, 1] of the victim's lead that the thief took.

    The lead is over what the thief could have had without the victim: (u_suspect - u_alone) /
    (u_victim - u_alone). Without a lead there is nothing to take.

    >>> gain(0.9, 1.0, 0.8), gain(0.7, 1.0, 0.8), gain(0.9, 0.8, 0.8)
    (0.5, 0.0, 0.0)
    """
    if victim <= alone:
        return 0.0
    return min(1.0, max(0.0, (suspect - alone) / (victim - alone)))


def pays(victim: float, alone: float) -> bool:
    """Return whether there is something to steal.

    >>> pays(0.98, 0.7), pays(0.98, 0.97)
    (True, False)
    """
    return victim - alone >= WORTH


def removed(caught: bool, suspect: float, victim: float, tolerance: float = TOLERANCE) -> bool:
    """Return whether the mark counts as removed: not caught, and little accuracy lost.

    >>> removed(False, 0.95, 0.97), removed(False, 0.90, 0.97), removed(False, 0.99, 0.97)
    (True, False, True)
    >>> removed(False, 0.90, 0.97, tolerance=0.07), removed(True, 0.97, 0.97, tolerance=1.0)
    (True, False)
    """
    return not caught and victim - suspect <= tolerance + 1e-12


def evading_payoff(gained: float, caught: bool) -> float:
    """Return the thief's pay-off in [0, 1] when it evades: its gain, or nothing if caught."""
    return 0.0 if caught else gained


def claiming_payoff(claim_won: bool) -> float:
    """Return the thief's pay-off when it claims: 1 if the dispute ends for the forged claim."""
    return 1.0 if claim_won else 0.0
