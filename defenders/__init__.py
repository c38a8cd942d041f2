"""Defenders: one file for each family. Importing the package registers all of them."""

from defenders import (
    adi,
    deepsigns,
    deepsigns_blackbox,
    greedy,
    lottery,
    nothing,
    riga,
    uchida,
    zhang,
)

__all__ = [
    "adi",
    "deepsigns",
    "deepsigns_blackbox",
    "greedy",
    "lottery",
    "nothing",
    "riga",
    "uchida",
    "zhang",
]
