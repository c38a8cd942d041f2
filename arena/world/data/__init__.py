"""Data sets by name, held as uint8 tensors."""

from arena.world.data.catalogue import DataInfo, has_captions, input_shape, known, load
from arena.world.data.dataset import Dataset, Source, concat
from arena.world.data.resize import resized

__all__ = [
    "DataInfo",
    "Dataset",
    "Source",
    "concat",
    "has_captions",
    "input_shape",
    "known",
    "load",
    "resized",
]
