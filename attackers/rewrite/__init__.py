"""Thieves that rewrite a model without changing what it computes."""
