"""Kinds of task: what the models of a task do. Every other part asks the kind."""

from arena.world.kinds.interface import LEVELS, Interface, Output, level
from arena.world.kinds.kind import Exam, Kind, Objective
from arena.world.kinds.registry import find, kind, kinds

__all__ = [
    "LEVELS",
    "Exam",
    "Interface",
    "Kind",
    "Objective",
    "Output",
    "find",
    "kind",
    "kinds",
    "level",
]
