"""Stealth: how well each scheme hides from a thief who may read the weights."""
