"""Networks that a player's process brings: which it may name, and those of its own code."""
