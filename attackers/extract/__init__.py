"""Thieves that copy a model by asking it."""
