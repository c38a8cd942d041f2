"""Fingerprints: what a model is recognised by without being changed."""
