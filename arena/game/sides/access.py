"""Access: the thief's whole world; every request goes through one channel that the referee holds.

The thief's side phrases requests, the referee's side (`gatekeeper`) answers them. Requests and
answers are bundles, so the channel may be a function call or a pipe to another process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Json, Raw
from arena.world.models import Model, ModelCard, unpack
from arena.world.rng import Rng
from arena.world.training import Progress

Channel = Callable[[str, Bundle], Bundle]
"""(request, what it carries) -> the answer."""


@dataclass(frozen=True)
class ChannelMeter:
    """A player's meter: it only reports; the counters are the referee's."""

    channel: Channel

    def charge(self, costs: Mapping[str, float]) -> None:
        """Report what something costs; raises what the referee raises."""
        self.channel("charge", Bundle({"costs": dict(costs)}))


class Access:
    """What a thief can do. Nothing else of the game is within its reach.

    Attributes:
        grants: its threat model.
        card: what a model for this task looks like: shape, classes, normalisation, and the
            architecture where that is known (else a default one of the scenario's choice).
        n_classes: classes that the victim tells apart.
        channel: the way to the referee, for whoever passes requests on.
        lab: its own laboratory, on the meter.
    """

    def __init__(
        self,
        channel: Channel,
        grants: ThreatModel,
        card: ModelCard,
        compute: Compute,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self.channel, self.grants, self.card = channel, grants, card
        self.lab = Lab(compute, ChannelMeter(channel), progress)

    @property
    def n_classes(self) -> int:
        """Return how many classes the victim tells apart."""
        return self.card.n_classes

    def query(self, images: Tensor, length: int | None = None) -> Tensor:
        """Ask the victim; one adaptive round, billed for each image.

        Args:
            images: (N, *input_shape), uint8 or floats in [0, 1].
            length: how many tokens are to be written behind each prompt, at most what is granted;
                None for all of them.

        Returns:
            Labels (M,) or rows (M, C) for the first M <= N images: fewer than asked where the
            budget allows only part.

        Raises:
            BudgetExceeded: not even one image can be answered.
            RuleViolation: queries are not granted, or the inputs are not valid.
        """
        asked: dict[str, Json] = {} if length is None else {"length": length}
        return self.channel("query", Bundle(asked, {"images": images})).tensors["answers"]

    def soft_answers(self, images: Tensor) -> Tensor:
        """Return `query` as rows (M, C): labels become one-hot, logits become probabilities."""
        answers = self.query(images)
        if answers.dim() == 1:
            return torch.nn.functional.one_hot(answers, self.n_classes).float()
        return (answers.softmax(1) if self.grants.output == "logits" else answers).float()

    def model(self) -> Model:
        """Return a copy of the thief's current suspect: its last round's model, else the victim."""
        return unpack(self.channel("model", Bundle()))

    def current(self) -> Deliverable:
        """Return what the thief holds from earlier rounds (empty in the first)."""
        return Deliverable.read(self.channel("current", Bundle()))

    def data(self) -> Dataset:
        """Return the thief's own data; where labels are not granted they are all zero."""
        return self._dataset("data")

    def pool(self) -> Dataset:
        """Return the public data of another distribution."""
        return self._dataset("pool")

    def transfer(self) -> Dataset:
        """Return the training data of the other task."""
        return self._dataset("transfer")

    def _dataset(self, name: str) -> Dataset:
        bundle = self.channel("data", Bundle({"name": name}))
        tensors, data = bundle.tensors, bundle.data
        return Dataset(data["name"], tensors["images"], tensors["labels"], tuple(data["classes"]))

    def exposed(self) -> Bundle:
        """Return the part of the owner's key that is exposed, in its scheme's form."""
        return self.channel("exposed", Bundle())

    def base(self) -> Model:
        """Return a copy of the public model that the victim was made from."""
        return unpack(self.channel("base", Bundle()))

    def verify(self, deliverable: Deliverable) -> bool:
        """Ask the owner's verifier whether a suspect would be caught; billed."""
        return bool(self.channel("verify", deliverable.bundle()).data["caught"])

    def commit(self, commitment: str, model: str = "") -> dict[str, Raw]:
        """Enter a commitment into the public register and return its line."""
        given = Bundle({"commitment": commitment, "model": model})
        entry: dict[str, Raw] = self.channel("commit", given).data["entry"]
        return entry


def thief_rng(rng: Rng) -> Rng:
    """Return the thief's own stream: nothing of the owner's can be derived from it."""
    return rng.child("thief").alone()
