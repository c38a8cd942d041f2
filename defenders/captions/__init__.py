"""Owners of captioners: marks in the hidden state of what writes the words."""
