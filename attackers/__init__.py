"""Attackers: one file for each family. Importing the package registers all of them."""

from attackers import finetune, forge_key, forge_triggers, knockoff, nothing, overwrite, prune

__all__ = ["finetune", "forge_key", "forge_triggers", "knockoff", "nothing", "overwrite", "prune"]
