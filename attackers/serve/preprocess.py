"""Hosting a stolen model behind a wrapper: any by name, or one that knows the thief's images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper, wrappers
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.world.json_values import Json
from arena.world.rng import Rng

HOSTED = ThreatModel(output="weights", deliverables=frozenset({"api"}))


def hosted(access: Access, outer: Wrapper) -> Deliverable:
    """Return the current suspect behind one more wrapper, which inputs meet first."""
    return Deliverable(access.model(), (*access.current().serving, outer))


@attack("preprocess")
@dataclass(frozen=True, kw_only=True)
class Preprocess(Attack):
    """Hosts the stolen model behind a transform of inputs, which spoils what keys are made of.

    What: the model is as it was stolen; each query is transformed before it is answered. What the
    transform costs in accuracy the thief pays: the wrapped interface is what is scored.
    Threat model: the model's weights, and the right to host it; no data, no queries, no key. An
    owner who seizes the weights finds them unchanged.
    Parameters: wrapper (by name: input-blur, input-flip, input-gaussian, input-jpeg, input-levels,
    input-median, input-noise, input-squeeze); arguments (settings of the wrapper).
    Cost: none.
    Differences to the paper: the model is not fine-tuned to the transform; stack the move on one
    that does.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = HOSTED
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes"})

    wrapper: str = "input-gaussian"
    arguments: Mapping[str, Json] = field(default_factory=dict)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Put the wrapper before the current suspect.

        Raises:
            RegistryError: no wrapper has that name or takes those settings.
        """
        chosen = PlayerSpec(name=self.wrapper, settings=dict(self.arguments))
        return hosted(access, wrappers.make(chosen))


def principal(rows: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) of rows (N, D) and their first principal directions (width, D)."""
    mean = rows.mean(0)
    directions = torch.linalg.svd(rows - mean, full_matrices=False).Vh
    return mean, directions[:width]


@wrapper("input-autoencoder")
@dataclass(frozen=True, kw_only=True)
class InputAutoencoder(Wrapper):
    """Answers each input as a linear autoencoder rebuilds it.

    What: what natural inputs have little of is not passed on. The tensors are `mean` (D,) and
    `directions` (width, D).
    """

    paper: ClassVar[str] = "Namba and Sakuma, AsiaCCS 2019"

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the rebuilt inputs."""
        mean, directions = self.tensors["mean"], self.tensors["directions"]
        code = (inputs.flatten(1) - mean) @ directions.T
        return answer((mean + code @ directions).clamp(0, 1).view(inputs.shape))


@attack("autoencode")
@dataclass(frozen=True, kw_only=True)
class Autoencode(Attack):
    """Hosts the stolen model behind an autoencoder of natural images.

    What: each query is encoded and rebuilt before it is answered; patterns and noise that the
    thief's own images do not have are lost on the way.
    Threat model: the model's weights, unlabelled own data, and the right to host the model; no
    queries, no key.
    Parameters: width (of the code, in numbers).
    Cost: one singular value decomposition of the own images.
    Differences to the paper: the autoencoder is linear, so its optimum is known in closed form (the
    principal components) and nothing is trained; it rebuilds every query, where the paper asks both
    versions and compares.
    Reference: Namba, Sakuma: Robust watermarking of neural network with exponential weighting,
    2019 (the attack by an autoencoder); Lukas et al., S&P 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Namba and Sakuma, AsiaCCS 2019"
    needs: ClassVar[ThreatModel] = HOSTED.model_copy(update={"data": 1})
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes"})
    dial: ClassVar[Dial] = Dial("width", 128, 4, "log")

    width: Annotated[int, Field(ge=1)] = 24

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fit the autoencoder and put it before the current suspect."""
        images = access.data().images
        rows = (images.float() / 255 if images.dtype == torch.uint8 else images).flatten(1)
        mean, directions = principal(rows.double(), self.width)
        tensors = {"mean": mean.float(), "directions": directions.float().contiguous()}
        return hosted(access, InputAutoencoder(tensors=tensors))
