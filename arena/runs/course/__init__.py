"""Coursework: assignments, submissions graded each alone, a league of a class."""
