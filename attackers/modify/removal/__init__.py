"""Thieves who look for what was put into a model, or is known of it, and take that away."""
