"""Benchmarks of what answers over HTTP."""
