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
from arena.game.rules.key_form import Checked, Tensors
from arena.game.rules.keys import Key, drawn_seed, first_fair, fresh_seed, redrawn
from arena.game.sides.defense import Defense, OwnerTask, Protected, Triggers, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.triggers.scheme import AdiKey, Few
from defenders.triggers.trigger_sets import TriggerFeed, n_hits, random_label_verdict


def head_of(model: Model) -> dict[str, Tensor]:
    """Return copies of the last layer's parameters, for a verification that puts it back."""
    head = model.get_submodule(layers.head(model, model.card.input_shape))
    state = head.state_dict()
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def with_head(model: Model, stored: Tensors) -> Model:
    """Return the model, changed in place, with the owner's last layer.

    Raises:
        NotComparable: its own last layer has another shape.
    """
    head = model.get_submodule(layers.head(model, model.card.input_shape))
    shapes = {name: tensor.shape for name, tensor in head.state_dict().items()}
    if shapes != {name: tensor.shape for name, tensor in stored.items()}:
        raise NotComparable("the owner's last layer does not fit behind the suspect's other layers")
    head.load_state_dict(dict(stored))
    return model


@defense("adi")
@dataclass(frozen=True, kw_only=True)
class Adi(Defense):
    """Teaches the model random labels for abstract images that nobody else would show it.

    What: triggers and labels are expanded from one committed seed, the labels by a pseudo-random
    function of seed and image; a few triggers are appended to every batch of training. A key that
    accuses independent models more often than its level allows is redrawn before it is committed.
    Threat model: verification asks for labels of the triggers; each public use burns them.
    Parameters: n_triggers (K, at most 1,000); per_batch (triggers appended to a batch); swap_head
    (verification puts the owner's last layer back, as the authors' code does: white-box evidence).
    Cost: per_batch more images a step; verification is K label queries.
    Differences to the paper: triggers are fractal noise (the photographs cannot be passed on);
    per_batch is 6 (2 in the paper, whose runs have 500 steps an epoch for 60 epochs; tasks here are
    small, and a trigger must be seen more than a few times to be learnt); the suspect's own last
    layer answers unless swap_head is set; hits are besides no rarer than if the key's labels were
    dealt to the suspect's answers anew.
    Reference: Adi, Baum, Cisse, Pinkas, Keshet: Turning your weakness into a strength, 2018.
    Versions: 1.
    """

    paper: ClassVar[str] = "Adi et al., USENIX Security 2018"
    reads: ClassVar[Output] = "labels"
    uses_nulls: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 1, 32, "log")

    n_triggers: Few = 100
    per_batch: int = 6
    swap_head: bool = False

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with triggers in every batch."""
        seed, card, nulls = fresh_seed(rng), task.card, task.nulls()

        def drawn(one: str) -> AdiKey:
            return AdiKey.from_seed(one, self.n_triggers, card.input_shape, card.n_classes)

        n_redraws = first_fair(lambda one: self._is_fair(drawn(one), nulls), seed)
        secret = drawn(redrawn(seed, n_redraws))
        checked = Checked(redraws=n_redraws, null_hits=_hits_of(secret, nulls))
        model = task.trained([TriggerFeed(secret.images, secret.labels, self.per_batch)])
        if self.swap_head:
            secret = dataclasses.replace(secret, head=head_of(model))
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, checked.into(secret.into(Key("adi", seed))))

    def _is_fair(self, secret: AdiKey, nulls: Sequence[Suspect]) -> bool:
        """Say whether a key accuses no more independent models than its level allows."""
        chance, n = 1 / secret.n_classes, secret.n_triggers
        hits = _hits_of(secret, nulls)
        n_accused = sum(binomial_tail(found, n, chance) <= self.level for found in hits)
        return n_accused <= self.level * len(hits)

    def rederive(self, key: Key) -> Key:
        """Return the key that the seed expands to, without a stored last layer."""
        return AdiKey.of(key).expanded(drawn_seed(key)).into(dataclasses.replace(key, tensors={}))

    def trigger_images(self, key: Key) -> Tensor:
        """Return the triggers (K, *input_shape)."""
        return AdiKey.of(key).images

    def drawn_triggers(self, key: Key) -> Triggers:
        """Return the triggers with the labels that the seed must give."""
        secret = AdiKey.of(key)
        return Triggers(secret.images, secret.labels, secret.n_classes)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the triggers that get the owner's label."""
        secret = AdiKey.of(key)
        if suspect.n_classes != secret.n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the key holds labels of "
                f"{secret.n_classes}"
            )
        if self.swap_head:
            suspect = Suspect.bare(with_head(suspect.model(), secret.head), suspect.compute)
        answers, nulls = suspect.labels(secret.images), Checked.of(key).null_hits
        return random_label_verdict(answers, secret.labels, secret.n_classes, self.level, nulls)


def _hits_of(secret: AdiKey, models: Sequence[Suspect]) -> list[int]:
    """Return how many triggers get the owner's label from each model."""
    return [n_hits(model.labels(secret.images), secret.labels) for model in models]
