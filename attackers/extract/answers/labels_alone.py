"""Extraction by the answered classes alone, whatever else is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract.knockoff import Knockoff, Retrain


def ask_classes(access: Access, images: Tensor) -> Examples:
    """Return the images that were answered, with the class (M,) of each answer."""
    classes = access.soft_answers(images).argmax(1)
    return Examples(images[: len(classes)], classes)


@attack("copycat")
@dataclass(frozen=True, kw_only=True)
class CopyCat(Knockoff):
    """Trains a fresh model on the classes that the victim gives to public images (CopyCat CNN).

    What: Knockoff with hard labels: random images of any distribution, one round of queries,
    cross-entropy.
    Threat model: labels suffice and nothing more is used; a public pool of unlabelled images; no
    own data, no weights.
    Parameters: as for Knockoff.
    Cost: as for Knockoff.
    Differences to the paper: the pool is what the scenario grants, without the authors' balancing
    of classes; random weights to start from.
    Reference: Correia-Silva et al.: Copycat CNN: stealing knowledge by persuading confession with
    random non-labeled data, 2018.
    Versions: 1.
    """

    paper: ClassVar[str] = "Correia-Silva et al., IJCNN 2018"

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images that were answered, each with its class."""
        return ask_classes(access, images)


@attack("label-only")
@dataclass(frozen=True, kw_only=True)
class LabelOnly(Retrain):
    """Learns the answered classes of own images and throws the rest of each answer away.

    What: the plainest counter to altered probabilities: an owner that keeps the class first has
    altered nothing that this thief reads.
    Threat model: labels suffice and nothing more is used; unlabelled own data; no weights.
    Parameters: as for Retrain.
    Cost: as for Retrain.
    Differences to the paper: the paper has it as the control of its recovery attacks.
    Reference: Tang et al.: ModelGuard: information-theoretic defense against model extraction
    attacks, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tang et al., USENIX Security 2024"
    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1)

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images that were answered, each with its class."""
        return ask_classes(access, images)
