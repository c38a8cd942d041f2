"""Extraction of a model's very function: equations, trees, piecewise linear networks."""
