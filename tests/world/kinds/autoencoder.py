"""A kind of task in one file: autoencoders, which give back the image that they are shown.

Put such a file beside the other kinds in `arena/world/kinds/` (its name is that of the kind), into
a package with an entry point in the group `copyright_arena.kinds`, or import it before a match is
played. A scenario then names the architecture: `model = "narrow-autoencoder"`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.interface import Interface, Output
from arena.world.kinds.kind import Exam, Kind, Objective
from arena.world.kinds.registry import kind
from arena.world.models import Model, ModelCard
from arena.world.models.registry import architecture
from arena.world.rng import Rng
from arena.world.training import Recipe, StepView


@architecture("narrow-autoencoder", kind="autoencoder")
def narrow(shape: tuple[int, ...], *, width: int = 16) -> nn.Module:
    """Autoencoder with one hidden layer of `width` units, for images of any shape."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), width),
        nn.ReLU(),
        nn.Linear(width, math.prod(shape)),
        nn.Sigmoid(),
        nn.Unflatten(1, shape),
    )


@dataclass(frozen=True, eq=False)
class Explained(Exam):
    """The share of the pixels' variance that the answers explain."""

    inputs: Tensor  # (N, C, H, W) in [0, 1]

    def utility(self, answers: Tensor) -> float:
        """Return 1 for the images themselves, 0 for their mean and what is worse."""
        spread = (self.inputs - self.inputs.mean(0)).square().sum()
        return max(0.0, 1 - float((answers - self.inputs).square().sum() / spread))

    @property
    def floor(self) -> float:
        """Return the utility of always answering the mean image."""
        return 0.0


@kind("autoencoder")
class Autoencoder(Kind):
    """From an image in [0, 1] to the same image."""

    levels: ClassVar[tuple[Output, ...]] = ("nothing", "outputs", "weights")
    served: ClassVar[Output] = "outputs"
    losses: ClassVar[tuple[str, ...]] = ("squared-error",)
    metric: ClassVar[str] = "explained variance"
    plain_architecture: ClassVar[str] = "narrow-autoencoder"

    def problems(self, card: ModelCard) -> list[str]:
        """Find nothing beyond what is wrong with any card."""
        return []

    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of autoencoders of the data."""
        return ModelCard(
            kind=self.name,
            architecture=architecture,
            arguments=arguments,
            input_shape=data.input_shape,
        )

    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return (input_shape,): what `narrow` is built from."""
        return (card.input_shape,)

    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return the shape of an image."""
        return card.input_shape

    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare the images."""
        if found.input_shape == expected.input_shape:
            return ""
        return f"expected images of {expected.input_shape}, found {found.input_shape}"

    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return one objective: the squared error."""

        def loss(view: StepView) -> Tensor:
            return F.mse_loss(view.outputs.float(), view.inputs)

        return [Objective(trained, loss)]

    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return the images."""
        return answer

    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return eight bits a pixel."""
        return 8.0 * math.prod(card.input_shape)

    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return images of uniform noise."""
        return Tensor(rng.numpy().random((n, *card.input_shape)))

    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return the exam of explained variance on the data."""
        return Explained(data.images.float() / 255)

    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return 1 minus the mean distance of pixels."""
        return 1 - float((answers - others).abs().mean())
