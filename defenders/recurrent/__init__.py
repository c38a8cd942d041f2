"""Owners of recurrent classifiers: keys that are sequences."""
