"""A judgement for people to read."""
