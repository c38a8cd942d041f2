"""Marks in weights and activations."""
