"""Regression of protection: what thieves did to a mark, and what they do now."""
