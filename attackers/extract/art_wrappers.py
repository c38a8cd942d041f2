"""The toolbox's extraction attacks as players: its maths, our channel, our meters.

The toolbox is imported when a move is made: it takes more than a second.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.data import Dataset
from arena.world.global_rng import lent
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.extract.queries import ask

Array = npt.NDArray[Any]


def black_box(access: Access) -> Any:
    """Return the victim as the toolbox's black-box classifier; each prediction is a query."""
    from art.estimators.classification import BlackBoxClassifier

    def answers(images: Array) -> Array:
        return _all_rows(access, torch.from_numpy(images).float()).numpy()

    return BlackBoxClassifier(answers, access.card.input_shape, access.n_classes, (0.0, 1.0))


def _all_rows(access: Access, images: Tensor) -> Tensor:
    """Return a row for each image: the toolbox cannot do with fewer.

    Raises:
        BudgetExceeded: the budget ends before.
    """
    rows = ask(access, images).targets
    while len(rows) < len(images):
        rows = torch.cat([rows, ask(access, images[len(rows) :]).targets])
    return rows


def own_classifier(access: Access, model: Model, lr: float) -> Any:
    """Return an own model as the toolbox's trainable classifier, with every step on the meter."""
    from art.estimators.classification import PyTorchClassifier

    meter, optimiser = access.lab.meter, torch.optim.Adam(model.parameters(), lr=lr)

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        n = len(inputs[0])
        meter.charge({"images_forward": n, "images_backward": n if module.training else 0})

    model.register_forward_pre_hook(count)
    optimiser.register_step_pre_hook(lambda *_call: meter.charge({"steps": 1}))
    return PyTorchClassifier(
        model=model,
        loss=nn.CrossEntropyLoss(),
        input_shape=model.card.input_shape,
        nb_classes=model.card.n_classes,
        optimizer=optimiser,
        device_type="gpu" if access.lab.compute.device == "cuda" else "cpu",
    )


@dataclass(frozen=True, kw_only=True)
class ToolboxExtraction(Attack):
    """Lets the toolbox steal with images of a public pool.

    What: base class of both wrappers. The victim is a black box to the toolbox, and the thief's own
    model is the classifier that it trains; it draws from a stream of the thief's.
    Threat model: labels suffice; a public pool of images; no weights.
    Parameters: n_queries (the toolbox's own default steals one image; None asks about the whole
    pool); epochs; lr of Adam; batch (images); probabilities (learn from answered rows in place of
    the class); then what the wrapper adds.
    Cost: n_queries queries; epochs * ceil(n_queries / batch) optimiser steps; one model.
    Differences to the paper: those of the toolbox, on purpose: these players are there to be
    compared with ours. All is asked in one call where the toolbox's default asks image by image.
    Reference: Nicolae et al.: Adversarial Robustness Toolbox, 2018, and the paper of each attack.
    Versions: 1.
    """

    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", pool="*")
    dial: ClassVar[Dial] = Dial("epochs", 1, 30, "log")

    n_queries: int | None = None
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    probabilities: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Hand pool, victim and own model to the toolbox.

        Raises:
            PlayerError: the toolbox cannot go on.
        """
        pool, model = access.pool(), access.lab.build(access.card, rng.child("model"))
        images = access.lab.compute.images(pool.images).cpu().contiguous().numpy()
        victim, own = black_box(access), own_classifier(access, model.copy(), self.lr)
        n = min(len(pool), self.n_queries or len(pool))
        extraction = self.extraction(victim, n)
        try:
            with lent(rng.child("toolbox"), access.lab.compute.device), np.errstate(all="ignore"):
                extraction.extract(images, self.actions(pool), thieved_classifier=own)
        except ValueError as error:
            raise PlayerError(f"the toolbox gave up ({error}); try another reward") from error
        model.load_state_dict(own.model.state_dict())  # a model without the meter's hook
        return Deliverable(model)

    @abstractmethod
    def extraction(self, victim: Any, n: int) -> Any:
        """Return the toolbox's attack, set to steal n images."""

    def actions(self, pool: Dataset) -> Array | None:
        """Return the pool's classes, where the toolbox wants them."""
        return None

    def common(self, n: int) -> dict[str, Any]:
        """Return what the toolbox's attacks on a pool take alike."""
        return {
            "batch_size_fit": self.batch,
            "batch_size_query": n,
            "nb_epochs": self.epochs,
            "nb_stolen": n,
            "use_probability": self.probabilities,
        }


@attack("art-copycat")
@dataclass(frozen=True, kw_only=True)
class ArtCopycat(ToolboxExtraction):
    """The toolbox's CopycatCNN: random images, hard labels, standard training."""

    paper: ClassVar[str] = "Correia-Silva et al., IJCNN 2018"

    def extraction(self, victim: Any, n: int) -> Any:
        """Return the toolbox's CopycatCNN."""
        from art.attacks.extraction import CopycatCNN

        return CopycatCNN(victim, **self.common(n))


@attack("art-knockoff")
@dataclass(frozen=True, kw_only=True)
class ArtKnockoff(ToolboxExtraction):
    """The toolbox's KnockoffNets, with its random or its adaptive policy.

    Parameters of this wrapper: strategy; reward (of the adaptive policy, which asks and learns
    image by image, always from hard labels, and softmaxes answered probabilities once more). The
    toolbox's own default, "all", divides by a variance that is zero while the victim is equally
    sure of all that it was asked, as it always is where labels are answered.
    """

    paper: ClassVar[str] = "Orekondy et al., CVPR 2019"
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_queries": 100})

    strategy: Literal["random", "adaptive"] = "random"
    reward: Literal["cert", "div", "loss", "all"] = "loss"

    def extraction(self, victim: Any, n: int) -> Any:
        """Return the toolbox's KnockoffNets."""
        from art.attacks.extraction import KnockoffNets

        policy = {"sampling_strategy": self.strategy, "reward": self.reward, "verbose": False}
        return KnockoffNets(victim, **self.common(n), **policy)

    def actions(self, pool: Dataset) -> Array | None:
        """Return the classes between which the policy chooses."""
        return pool.labels.numpy() if self.strategy == "adaptive" else None
