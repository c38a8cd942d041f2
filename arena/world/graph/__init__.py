"""The layer graph: which channels belong together, how to rewrite them, how to undo rewritings."""

from arena.world.graph.align import AlignmentReport, GroupAlignment, align
from arena.world.graph.groups import Group, Producer, Slot
from arena.world.graph.plan import Plan
from arena.world.graph.rewrite import expand_kernel, flip, permute, rebuild, scale
from arena.world.graph.trace import LayerGraph

__all__ = [
    "AlignmentReport",
    "Group",
    "GroupAlignment",
    "LayerGraph",
    "Plan",
    "Producer",
    "Slot",
    "align",
    "expand_kernel",
    "flip",
    "permute",
    "rebuild",
    "scale",
]
