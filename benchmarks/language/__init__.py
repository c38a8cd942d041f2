"""Benchmarks of models of language and of marks in texts."""
