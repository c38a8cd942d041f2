"""Who is innocent of what: independent models, by the data that they learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Accused = Literal["model", "data", "output"]
"""What a scheme's verdict is about: that a model is derived from the victim, that it was trained on
the owner's data, or that texts or images were made by the victim."""
Half = Literal["owner", "other", "foreign", "calibration"]
"""Whose data a model learnt from: the owner's, the other half of the same, another source's, or the
part of the other half that no thief has."""

NEGATIVES: Mapping[Half, str] = MappingProxyType(
    {"owner": "Neg-1", "other": "Neg-2", "foreign": "Neg-3"}
)


def is_innocent(half: Half, accused: Accused) -> bool:
    """Return whether an independent model of that data is innocent of what is claimed.

    Whoever was trained on the owner's data is innocent of having copied its model, and guilty of
    having used its data.

    >>> is_innocent("owner", "model"), is_innocent("owner", "data"), is_innocent("other", "data")
    (True, False, True)
    """
    return not (accused == "data" and half == "owner")
