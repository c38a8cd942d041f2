"""Copies without data, by a generator that looks for images on which copy and victim disagree."""
