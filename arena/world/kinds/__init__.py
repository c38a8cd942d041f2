"""Kinds of task: what the models of a task do, one file each. Every other part asks the kind."""
