"""Attackers: one file for each family. Importing the package registers all of them."""

from attackers import finetune, nothing

__all__ = ["finetune", "nothing"]
