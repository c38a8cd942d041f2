"""Extraction of models of language from what they write."""
