"""Adi's watermark: abstract images that the model was taught random labels for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.statistics import binomial_tail
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import (
    Key,
    drawn_seed,
    expand,
    first_fair,
    fresh_seed,
    prf_labels,
    redrawn,
)
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.json_values import Raw
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.triggers.trigger_sets import TriggerFeed, abstract_images, binomial_verdict, n_hits

_HEAD = "head/"


def key_material(seed: str, settings: dict[str, Raw]) -> dict[str, Tensor]:
    """Return the triggers (K, *shape) and their labels (K,), both expanded from a seed."""
    shape, n_classes = tuple(settings["shape"]), int(settings["n_classes"])
    images = abstract_images(expand(seed, "adi images"), int(settings["n_triggers"]), shape)
    return {"images": images, "labels": prf_labels(seed, images, n_classes)}


def head_of(model: Model) -> dict[str, Tensor]:
    """Return copies of the last layer's parameters, for a verification that puts it back."""
    head = model.get_submodule(layers.head(model, model.card.input_shape))
    state = head.state_dict()
    return {_HEAD + name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def with_head(model: Model, key: Key) -> Model:
    """Return the model, changed in place, with the owner's last layer.

    Raises:
        NotComparable: its own last layer has another shape.
    """
    head = model.get_submodule(layers.head(model, model.card.input_shape))
    stored = {k.removeprefix(_HEAD): t for k, t in key.tensors.items() if k.startswith(_HEAD)}
    shapes = {name: tensor.shape for name, tensor in head.state_dict().items()}
    if shapes != {name: tensor.shape for name, tensor in stored.items()}:
        raise NotComparable("the owner's last layer does not fit behind the suspect's other layers")
    head.load_state_dict(stored)
    return model


@defense("adi")
@dataclass(frozen=True, kw_only=True)
class Adi(Defense):
    """Teaches the model random labels for abstract images that nobody else would show it.

    What: triggers and labels are expanded from one committed seed, the labels by a pseudo-random
    function of seed and image; a few triggers are appended to every batch of training. A key that
    accuses independent models more often than its level allows is redrawn before it is committed.
    Threat model: verification asks for labels of the triggers; each public use burns them.
    Parameters: n_triggers (K); per_batch (triggers appended to a batch); swap_head (verification
    puts the owner's last layer back, as the authors' code does: white-box evidence).
    Cost: per_batch more images a step; verification is K label queries.
    Differences to the paper: triggers are fractal noise (the photographs cannot be passed on);
    per_batch is 6 (2 in the paper, whose runs have 500 steps an epoch for 60 epochs; tasks here are
    small, and a trigger must be seen more than a few times to be learnt); the suspect's own last
    layer answers unless swap_head is set.
    Reference: Adi, Baum, Cisse, Pinkas, Keshet: Turning your weakness into a strength, 2018.
    Versions: 1.
    """

    paper: ClassVar[str] = "Adi et al., USENIX Security 2018"
    reads: ClassVar[Output] = "labels"
    uses_nulls: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 1, 32, "log")

    n_triggers: int = 100
    per_batch: int = 6
    swap_head: bool = False

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with triggers in every batch."""
        settings: dict[str, Raw] = {
            "n_triggers": self.n_triggers,
            "shape": list(task.card.input_shape),
            "n_classes": task.card.n_classes,
        }
        seed, nulls = fresh_seed(rng), task.nulls()
        settings["redraws"] = first_fair(lambda s: self._is_fair(s, settings, nulls), seed)
        material = key_material(redrawn(seed, settings["redraws"]), settings)
        settings["null_hits"] = _hits_of(nulls, material)
        feed = TriggerFeed(material["images"], material["labels"], self.per_batch)
        model = task.trained([feed])
        if self.swap_head:
            material |= head_of(model)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, Key("adi", seed, settings, material))

    def _is_fair(self, seed: str, settings: dict[str, Raw], nulls: Sequence[Suspect]) -> bool:
        """Say whether a key accuses no more independent models than its level allows."""
        chance, n = 1 / int(settings["n_classes"]), int(settings["n_triggers"])
        hits = _hits_of(nulls, key_material(seed, settings))
        n_accused = sum(binomial_tail(found, n, chance) <= self.level for found in hits)
        return n_accused <= self.level * len(hits)

    def rederive(self, key: Key) -> Key:
        """Return the key that the seed expands to.

        A stored last layer is no part of it: one that was made later could read anything.
        """
        return dataclasses.replace(key, tensors=key_material(drawn_seed(key), dict(key.settings)))

    def trigger_images(self, key: Key) -> Tensor:
        """Return the triggers (K, *input_shape)."""
        return key.tensors["images"]

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the triggers that get the owner's label."""
        images, labels = key.tensors["images"], key.tensors["labels"]
        if suspect.n_classes != key.settings["n_classes"]:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the key holds labels of "
                f"{key.settings['n_classes']}"
            )
        if self.swap_head:
            suspect = Suspect.bare(with_head(suspect.model(), key), suspect.compute)
        hits = n_hits(suspect.labels(images), labels)
        nulls = list(key.settings.get("null_hits", ()))
        return binomial_verdict(hits, len(labels), 1 / suspect.n_classes, self.level, nulls)


def _hits_of(models: Sequence[Suspect], material: dict[str, Tensor]) -> list[int]:
    """Return how many triggers get the owner's label from each model."""
    return [n_hits(model.labels(material["images"]), material["labels"]) for model in models]
