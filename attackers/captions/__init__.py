"""Thieves of captioners alone."""
