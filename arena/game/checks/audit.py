"""What a player does behind the meters' back: steps, forward passes and global draws."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from arena.world.models import Model


@dataclass
class Watch:
    """Counts while it is open and not paused.

    Attributes:
        steps: steps of any optimiser. images: images that any classifier saw in batches of two or
            more (one alone is a probe of shapes).
        drew: whether a global random generator was used or seeded.
    """

    steps: int = 0
    images: int = 0
    drew: bool = False
    _paused: bool = False

    @contextlib.contextmanager
    def open(self) -> Iterator[Watch]:
        """Watch the code of this block."""
        before = _generators()
        handles = [
            register_module_forward_pre_hook(self._forward),
            register_optimizer_step_post_hook(self._step),
        ]
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()
            self.drew = self.drew or _generators() != before

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Look away while the referee works."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def _forward(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not self._paused and isinstance(module, Model) and len(inputs[0]) > 1:
            self.images += len(inputs[0])

    def _step(self, *_call: object) -> None:
        self.steps += 0 if self._paused else 1


def _generators() -> tuple[bytes, ...]:
    """Return the states of the global generators of torch and NumPy.

    Python's own is left out: the import of a library may draw from it.
    """
    _, keys, position, *_ = np.random.get_state()
    return (
        torch.get_rng_state().numpy().tobytes(),
        np.asarray(keys).tobytes() + str(position).encode(),
    )
