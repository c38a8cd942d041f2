"""Judging a person's own two models: the request, the files, the verdict."""
