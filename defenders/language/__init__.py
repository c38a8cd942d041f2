"""Protections of models of language: marks in the texts that they write."""
