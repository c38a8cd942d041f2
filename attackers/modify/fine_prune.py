"""Fine-pruning: channels that sleep on clean data are removed, and the rest is fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.graph import Group, LayerGraph, Slot
from arena.world.graph.probe import watch
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, Recipe, StepView
from attackers.modify.finetune import LabelSource, labelled
from attackers.modify.prune import silence


def late_group(model: Model, layer: str = "") -> Group:
    """Return the channels that a named layer writes, by default the last convolution.

    A model without convolutions has its last hidden layer in its place.

    Raises:
        PlayerError: there are no such channels.
    """
    groups, modules = LayerGraph.of(model).groups, dict(model.named_modules())
    written = [(group, p.slot.layer) for group in groups for p in group.producers]
    if layer:
        written = [(group, name) for group, name in written if name == layer]
    convolutions = [entry for entry in written if isinstance(modules[entry[1]], nn.Conv2d)]
    if not written:
        wanted = f"a layer {layer!r}" if layer else "a hidden layer"
        raise PlayerError(f"expected {wanted} with channels of its own, found none; name another")
    return (convolutions or written)[-1][0]


def sleepy(activity: Tensor, rate: float) -> Tensor:
    """Return the channels (k,) of lowest mean activity (n_units,): that share, at least one left.

    >>> sleepy(torch.tensor([3.0, 1.0, 2.0, 0.0]), 0.5).tolist()
    [3, 1]
    """
    n = min(round(rate * len(activity)), len(activity) - 1)
    return activity.argsort(stable=True)[:n]


def channel_masks(model: Model, group: Group, units: Tensor) -> dict[str, Tensor]:
    """Return masks, true for all that writes, normalises or reads some channels of a group."""
    tensors = model.state_dict()
    found: dict[str, Tensor] = {}
    places = [(name, slot) for name, slot in group.rows() if "running" not in name]
    places += group.columns()
    for name, slot in places:
        if name in tensors:
            mask = found.setdefault(name, torch.zeros(tensors[name].shape, dtype=torch.bool))
            mask.index_fill_(slot.axis(name), _entries(slot, units), True)
    return found


def _entries(slot: Slot, units: Tensor) -> Tensor:
    return (slot.start + units[:, None] * slot.block + torch.arange(slot.block)).flatten()


class Asleep(Hook):
    """Holds masked parameters at zero, before the first step and after each."""

    def __init__(self, masks: Mapping[str, Tensor]) -> None:
        self.masks = dict(masks)
        self._weights: dict[str, Tensor] = {}

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Find the parameters and silence them."""
        parameters = dict(model.named_parameters())
        self._weights = {name: parameters[name] for name in self.masks}
        self.masks = {name: mask.to(device) for name, mask in self.masks.items()}
        silence(self._weights, self.masks)

    def after_step(self, view: StepView) -> None:
        """Silence what the step awoke."""
        silence(self._weights, self.masks)


@attack("fine-prune")
@dataclass(frozen=True, kw_only=True)
class FinePrune(Attack):
    """Removes the channels that are least active on clean images, then fine-tunes.

    What: whole channels of one late convolution, those with the lowest mean activation on the
    thief's own images (as the next layer sees it, behind pooling), become zero in everything that
    writes or reads them, and stay so while the rest is fine-tuned. The tensors keep their shapes.
    Threat model: weights and architecture, own data, labelled for labels "truth"; no queries, no
    key.
    Parameters: rate (share of the channels, in [0, 1]; one is left); layer ("" is the last
    convolution, or hidden layer); epochs; lr of Adam; batch (images); labels, the stolen model's
    own answers or the truth.
    Cost: 0 queries; a pass of the own images and epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: a fixed rate, .8 (it prunes as long as accuracy holds; the SoK takes
    .96 on wide networks, and masks single positions of a map).
    Reference: Liu, Dolan-Gavitt, Garg: Fine-pruning, 2018; Lukas et al., S&P 2022 (settings).
    Versions: 1.
    """

    paper: ClassVar[str] = "Liu et al., RAID 2018"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "hidden"})
    dial: ClassVar[Dial] = Dial("rate", 0.2, 0.96)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"epochs": 2})

    rate: float = 0.8
    layer: str = ""
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    labels: LabelSource = "model"

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"expected a rate in [0, 1], found {self.rate}")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Prune and fine-tune the current suspect."""
        model = access.model()
        examples, group = labelled(access, model, self.labels), late_group(model, self.layer)
        access.lab.meter.charge({"images_forward": len(examples)})
        seen, _ = watch(model, [group], examples.images, access.lab.compute)
        units = sleepy(seen[group.name].mean(1), self.rate)
        asleep = Asleep(channel_masks(model, group, units))
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        access.lab.train(model, examples, recipe, rng.child("training"), [asleep])
        return Deliverable(model)
