"""What a watermark or an attack adds to training, without touching the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from arena.world.rng import Rng
from arena.world.training.recipe import Examples


class Meter(Protocol):
    """Counts what training costs; refuses before the budget is exceeded."""

    def charge(self, costs: Mapping[str, float]) -> None:
        """Add to the named meters, or raise `BudgetExceeded` and add nothing to any."""


class Free:
    """The meter that counts nothing."""

    def charge(self, costs: Mapping[str, float]) -> None:
        """Accept every cost."""


Progress = Callable[[int, int], None]
"""Hears how many optimiser steps of a run of training are done, and of how many."""


@dataclass
class StepView:
    """One optimiser step as a hook sees it."""

    model: nn.Module
    step: int
    n_steps: int
    inputs: Tensor  # (B, *input_shape), with the hooks' extra examples at the end
    targets: Tensor
    outputs: Tensor  # what the model returned for `inputs`, (B, ...)
    n_own: int  # the first `n_own` rows are the trainer's own examples
    activations: Mapping[str, Tensor] = field(default_factory=dict)


class Hook:
    """A term of training. Every method may be left as it is."""

    layers: Sequence[str] = ()
    """Names of the modules whose outputs `loss` reads from `view.activations`."""

    passes: int = 0
    """How often `loss` sends the step's inputs through the model again, there and back."""

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Prepare: move tensors to the device, make own optimisers, find layers."""

    def examples(self, step: int) -> Examples | None:
        """Return examples to append to this step's batch (on the device), or None."""

    def loss(self, view: StepView) -> Tensor | None:
        """Return a scalar to add to the loss, or None."""

    def before_step(self, view: StepView) -> None:
        """Act between the backward pass and the optimiser's step."""

    def after_step(self, view: StepView) -> None:
        """Act after the optimiser's step: masks, own optimisers, clipping."""

    def satisfied(self, model: nn.Module) -> bool:
        """Say after an epoch whether training may stop early as far as this hook is concerned."""
        return False
