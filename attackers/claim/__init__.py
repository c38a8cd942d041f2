"""Thieves that claim a model with keys of their own."""
