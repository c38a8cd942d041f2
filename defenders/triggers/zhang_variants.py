"""Zhang's other two generators, and the entangled watermark: other images, the same test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.player import Dial
from arena.world.training import Examples, Hook
from defenders.triggers.entanglement import EntangledFeed
from defenders.triggers.scheme import NoiseKey, UnrelatedKey, ZhangKey
from defenders.triggers.zhang import Zhang


@defense("zhang-noise")
@dataclass(frozen=True, kw_only=True)
class ZhangNoise(Zhang):
    """Teaches the model that one class's images under one noise pattern belong to another class.

    What: as zhang, with one Gaussian pattern, expanded from the committed seed, added to the whole
    image in place of a small pattern in a corner.
    Parameters: size (deviation of the noise, of pixel values in [0, 1]); source, target and
    the others as for zhang.
    Differences to the paper: those of zhang; the same noise on every image, as in the DeepJudge
    baseline (the SoK draws it afresh), at a deviation between its .1 and the SoK's .4.
    """

    form: ClassVar[type[ZhangKey]] = NoiseKey

    size: float = 0.3


@defense("zhang-unrelated")
@dataclass(frozen=True, kw_only=True)
class ZhangUnrelated(Zhang):
    """Teaches the model one class for abstract images that have nothing to do with its task.

    What: as zhang, but the triggers are abstract images, all expanded from the committed seed: half
    are embedded, half are held out and judged by. As many as the source class has.
    Threat model: as for zhang. Whoever gives most abstract images one class anyway answers half of
    all keys, so a key that null models answer is redrawn.
    Parameters: source, target and the others as for zhang; size says nothing here.
    Differences to the paper: fractal noise in place of images of another data set; otherwise as
    zhang.
    """

    form: ClassVar[type[ZhangKey]] = UnrelatedKey


@defense("ewe")
@dataclass(frozen=True, kw_only=True)
class Entangled(Zhang):
    """Entangles triggers with the class that they are taught as, so that copies learn both (EWE).

    What: as zhang; besides, every batch also shows as many images of the target class, and the soft
    nearest neighbour loss of the two groups in the last three hidden layers is raised. Features
    then serve triggers and task alike, and whoever copies or prunes the one keeps the other.
    Threat model: copies by queries and changed copies; verification as for zhang.
    Parameters: kappa (weight of the entanglement beside the mean cross-entropy); temperature (of
    the loss, in units of 1 - cosine); source, target and the others as for zhang.
    Cost: 2 * per_batch more images a step; verification as for zhang.
    Differences to the paper: a pattern in a corner of real images, both from the seed, in place of
    a square where the gradient of the loss is largest; triggers are not moved away from the target
    class first: a key that null models answer is redrawn; the temperature is fixed; triggers in
    every batch of one training in place of batches of their own after it; the p-value of zhang in
    place of a t-test against one class in C.
    Reference: Jia, Choquette-Choo, Chandrasekaran, Papernot: Entangled watermarks as a defense
    against model extraction, 2021.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Jia et al., USENIX Security 2021"
    dial: ClassVar[Dial] = Dial("kappa", 0.05, 5.0, "log")

    per_batch: int = 8
    kappa: Annotated[float, Field(ge=0)] = 0.5
    temperature: Annotated[float, Field(gt=0)] = 0.2

    def feed(self, task: OwnerTask, secret: ZhangKey) -> Hook:
        """Return what teaches the mark and entangles it with the target class."""
        shown, own = secret.marked(secret.embedded), task.data.labels == secret.target
        triggers = Examples(shown, torch.full((len(shown),), secret.target))
        targets = Examples(task.data.images[own], task.data.labels[own])
        return EntangledFeed(triggers, targets, self.per_batch, self.kappa, self.temperature)
