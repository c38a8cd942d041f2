"""Protecting a person's own model: a mark that is sure to have taken, and its report."""
