"""Defenders: one file for each family. Importing the package registers all of them."""

from defenders import (
    adi,
    deepjudge,
    deepsigns,
    deepsigns_blackbox,
    greedy,
    ipguard,
    lottery,
    nothing,
    passport,
    riga,
    uchida,
    zhang,
)

__all__ = [
    "adi",
    "deepjudge",
    "deepsigns",
    "deepsigns_blackbox",
    "greedy",
    "ipguard",
    "lottery",
    "nothing",
    "passport",
    "riga",
    "uchida",
    "zhang",
]
