"""What a thief hands in: a model, a wrapped API, a claim, or a model with a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, TypeAdapter
from torch import Tensor

from arena.errors import InvalidDeliverable, ModelError
from arena.game.rules.keys import Key
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen, Json
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng

Answer = Callable[[Tensor], Tensor]
"""Images (N, *input_shape) in [0, 1] -> probabilities (N, C)."""


class InputNoise(Frozen):
    """Adds fresh Gaussian noise to each query. Source: Lukas et al., S&P 2022."""

    kind: Literal["input-noise"] = "input-noise"
    deviation: float = Field(0.03, ge=0)  # of pixel values in [0, 1]

    def wrap(self, answer: Answer, rng: Rng) -> Answer:
        """Return the wrapped interface."""
        generator = rng.child("input-noise").torch()

        def noisy(images: Tensor) -> Tensor:
            noise = torch.randn(images.shape, generator=generator) * self.deviation
            return answer((images + noise).clamp(0, 1))

        return noisy


class InputLevels(Frozen):
    """Rounds each pixel to a few levels. Source: Lukas et al., S&P 2022."""

    kind: Literal["input-levels"] = "input-levels"
    levels: int = Field(16, ge=2)

    def wrap(self, answer: Answer, rng: Rng) -> Answer:
        """Return the wrapped interface."""
        top = self.levels - 1
        return lambda images: answer((images * top).round() / top)


class InputBlur(Frozen):
    """Blurs each image with a 3x3 mean. Source: Lukas et al., S&P 2022."""

    kind: Literal["input-blur"] = "input-blur"

    def wrap(self, answer: Answer, rng: Rng) -> Answer:
        """Return the wrapped interface; rows of a table pass unchanged."""

        def blurred(images: Tensor) -> Tensor:
            return answer(F.avg_pool2d(images, 3, 1, 1) if images.dim() == 4 else images)

        return blurred


class OutputLabels(Frozen):
    """Answers the class alone, as a one-hot row."""

    kind: Literal["output-labels"] = "output-labels"

    def wrap(self, answer: Answer, rng: Rng) -> Answer:
        """Return the wrapped interface."""

        def labels(images: Tensor) -> Tensor:
            rows = answer(images)
            return F.one_hot(rows.argmax(1), rows.shape[1]).to(rows.dtype)

        return labels


Wrapper = Annotated[
    InputNoise | InputLevels | InputBlur | OutputLabels, Field(discriminator="kind")
]
_WRAPPERS: TypeAdapter[tuple[Wrapper, ...]] = TypeAdapter(tuple[Wrapper, ...])


@dataclass(frozen=True)
class Claim:
    """An ownership statement put to the referee: a scheme, a key, and what it is about.

    `defense` names the scheme whose published verification is to be run with `key`. `earlier` is a
    model that the claimant shows as its own earlier work (for commitments bound to a model).
    """

    defense: PlayerSpec
    key: Key
    earlier: Model | None = None


@dataclass(frozen=True)
class Deliverable:
    """A model behind wrappers, a claim, or both."""

    model: Model | None = None
    wrappers: tuple[Wrapper, ...] = ()
    claim: Claim | None = None

    def kinds(self) -> frozenset[str]:
        """Return which of model, api and claim this is."""
        kinds = set()
        if self.model is not None:
            kinds.add("api" if self.wrappers else "model")
        if self.claim is not None:
            kinds.add("claim")
        return frozenset(kinds)

    def bundle(self) -> Bundle:
        """Return the deliverable as plain data and tensors."""
        data: dict[str, Json] = {"wrappers": _WRAPPERS.dump_python(self.wrappers, mode="json")}
        parts: dict[str, Bundle] = {}
        if self.model is not None:
            parts["model"] = pack(self.model)
        if self.claim is not None:
            data["defense"] = self.claim.defense.plain()
            parts["key"] = self.claim.key.bundle()
        if self.claim is not None and self.claim.earlier is not None:
            parts["earlier"] = pack(self.claim.earlier)
        data["parts"] = {name: dict(part.data) for name, part in parts.items()}
        tensors = {f"{n}/{k}": t for n, part in parts.items() for k, t in part.tensors.items()}
        return Bundle(data, tensors)

    @classmethod
    def of(cls, bundle: Bundle) -> Deliverable:
        """Read a deliverable back; every check of a model file applies.

        Raises:
            InvalidDeliverable: it holds no model that can be rebuilt.
        """
        parts = {
            name: Bundle(data, bundle.prefixed(name)) for name, data in bundle.data["parts"].items()
        }
        claim = None
        try:
            if "key" in parts:
                earlier = unpack(parts["earlier"]) if "earlier" in parts else None
                defense = PlayerSpec.model_validate(bundle.data["defense"])
                claim = Claim(defense, Key.of(parts["key"]), earlier)
            model = unpack(parts["model"]) if "model" in parts else None
        except ModelError as error:
            raise InvalidDeliverable(str(error)) from error
        return cls(model, _WRAPPERS.validate_python(bundle.data["wrappers"]), claim)
