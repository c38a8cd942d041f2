"""Thieves of generators: what is done to them, and how they are copied from what they make."""
