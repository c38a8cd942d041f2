"""Protections that answer: marks and perturbations at the interface, not in the model."""
