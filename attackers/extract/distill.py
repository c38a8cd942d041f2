"""Distillation: a fresh model learns the victim's softened answers to own images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.kinds.interface import Interface
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe
from attackers.extract.queries import floor_of

_LEAST = 1e-7  # of a probability whose logarithm is taken: what float32 answers tell apart


def logits_of(answers: Tensor, interface: Interface) -> Tensor:
    """Return logits (N, C) that softmax turns into the answers: rows are known up to a constant.

    A probability of zero counts as `floor_of` says.
    """
    if interface.output == "logits":
        return answers
    return answers.clamp_min(floor_of(interface, _LEAST)).log()


@attack("distill")
@dataclass(frozen=True, kw_only=True)
class Distill(Attack):
    """Trains a fresh model on the victim's answers at a raised temperature.

    What: own images are answered once; the copy minimises T^2 * KL between the two softmaxes at
    temperature T, so that the order of the unlikely classes counts as well.
    Threat model: probabilities or logits; unlabelled own data; no weights.
    Parameters: temperature T; epochs; lr of SGD with Nesterov momentum, a fifth of it after 1/3,
    7/12 and 5/6 of the epochs; weight_decay; batch (images); rotation (degrees) and shift (share of
    the side) of the augmentation, applied after the images were answered.
    Cost: one query for each image, in one round; epochs * ceil(n / batch) steps; one model.
    Differences to the paper: probabilities serve as well, by their logarithms; no part of the loss
    goes to the answered class alone (alpha = 1, the default of the SoK). The SoK's code divides the
    loss by the number of classes too, so that its lr of 0.1 is one of 0.01 here, with ten classes;
    at 0.1 a network without batch normalisation ends at chance.
    Reference: Hinton et al.: Distilling the knowledge in a neural network, 2015.
    Versions: 2 (lr as the SoK's loss means it).
    """

    paper: ClassVar[str] = "Hinton et al., 2015; Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", data=1)
    dial: ClassVar[Dial] = Dial("epochs", 3, 60, "log")

    temperature: float = 3.0
    epochs: int = 60
    lr: float = 0.01
    weight_decay: float = 5e-4
    batch: int = 64
    rotation: float = 5.0
    shift: float = 0.05

    def recipe(self) -> Recipe:
        """Return how the copy is trained."""
        return Recipe(
            optimiser="sgd",
            lr=self.lr,
            nesterov=True,
            weight_decay=self.weight_decay,
            schedule="steps",
            milestones=(1 / 3, 7 / 12, 5 / 6),
            gamma=0.2,
            epochs=self.epochs,
            batch=self.batch,
            loss="distillation",
            temperature=self.temperature,
            augment=Augment(rotation=self.rotation, shift=self.shift),
        )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask once, then learn from what was answered."""
        images = access.data().images
        answers = access.query(images)
        targets = logits_of(answers, access.grants).float()
        examples = Examples(images[: len(targets)], targets)
        streams = (rng.child("model"), rng.child("training"))
        return Deliverable(access.lab.surrogate(access.card, examples, self.recipe(), *streams))
