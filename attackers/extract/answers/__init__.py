"""Extraction that makes more of the answers, or less: against interfaces that alter them."""
