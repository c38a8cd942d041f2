"""Defenders: one file for each family. Importing the package registers all of them."""

from defenders import nothing, uchida

__all__ = ["nothing", "uchida"]
