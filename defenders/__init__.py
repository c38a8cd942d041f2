"""Defenders: one file for each family. Importing the package registers all of them."""

from defenders import adi, nothing, uchida, zhang

__all__ = ["adi", "nothing", "uchida", "zhang"]
