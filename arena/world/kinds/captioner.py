"""Captioners: from an image (C, H, W) in [0, 1] to a caption (T,) of words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import ArenaError, DataError
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.classifier import (
    Normalise,
    admit_images,
    normalisation_problems,
    statistics,
)
from arena.world.kinds.interface import Interface, Output
from arena.world.kinds.kind import Exam, Kind, Objective
from arena.world.kinds.registry import kind
from arena.world.models.card import ModelCard
from arena.world.models.model import Model
from arena.world.rng import Rng
from arena.world.training.hooks import StepView
from arena.world.training.recipe import Examples, Recipe

SMALL_CAPTIONER: Mapping[str, Json] = MappingProxyType(
    {
        "data": "captions-digits",
        "model": "attend-lstm",
        "arguments": {"width": 8, "hidden": 32},
        "recipe": {"steps": 40, "batch": 16, "lr": 0.01},
    }
)
"""A task of seconds, on which players of captions are tried."""


class Taught(Protocol):
    """What an architecture of captioners offers besides writing captions."""

    def taught(self, captions: Tensor) -> AbstractContextManager[None]:
        """While open, let the network return logits (B, T, V) for the captions (B, T)."""


@dataclass(frozen=True, eq=False)
class CaptionScore(Exam):
    """How well captions agree with the true ones: BLEU-4 decides, `exact` stands beside it.

    BLEU-4 asks for the same runs of one to four words, so that it also says something of long
    captions, which are hardly ever the same word for word.

    Attributes:
        inputs: images (N, C, H, W) in [0, 1].
        captions: (N, T), the true ones.
    """

    inputs: Tensor
    captions: Tensor

    def utility(self, answers: Tensor) -> float:
        """Return the BLEU-4 of captions (N, T), in [0, 1]."""
        return bleu(answers, self.captions)

    def exact(self, answers: Tensor) -> float:
        """Return the share of captions (N, T) that are the true ones word for word."""
        return float(same(answers, self.captions).double().mean())

    @property
    def floor(self) -> float:
        """Return the BLEU-4 of always saying the most frequent caption."""
        rows, counts = self.captions.unique(dim=0, return_counts=True)
        return self.utility(rows[counts.argmax()].expand_as(self.captions))


@kind("captioner")
class Captioner(Kind):
    """A model that writes a caption (B, T) under an image; word 0 ends it."""

    levels: ClassVar[tuple[Output, ...]] = ("nothing", "outputs", "weights")
    served: ClassVar[Output] = "outputs"
    losses: ClassVar[tuple[str, ...]] = ("next-word",)
    metric: ClassVar[str] = "BLEU-4"
    plain_architecture: ClassVar[str] = "attend-lstm"
    needs_labels: ClassVar[bool] = True
    labels_examples: ClassVar[bool] = True

    def problems(self, card: ModelCard) -> list[str]:
        """Check that an image goes in and words come out."""
        problems = normalisation_problems(card)
        if len(card.input_shape) != 3:
            problems.append(f"input_shape is that of an image, found {card.input_shape}")
        if len(card.output_shape) != 1 or min(card.output_shape, default=0) < 1:
            problems.append(f"output_shape is that of a caption, (T,), found {card.output_shape}")
        if len(card.words) < 2 or len(set(card.words)) != len(card.words):
            problems.append(f"words are at least two, and different, found {len(card.words)}")
        return problems

    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of captioners of such images, in the words of their captions."""
        if not data.has_captions:
            raise DataError(
                f"expected images with captions for a captioner, found classes in {data.name!r}; "
                "try captions-digits, or a folder with a captions.jsonl"
            )
        mean, std = statistics(data)
        return ModelCard(
            kind=self.name,
            architecture=architecture,
            arguments=arguments,
            input_shape=data.input_shape,
            output_shape=tuple(data.labels.shape[1:]),
            mean=mean,
            std=std,
            words=data.classes,
        )

    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return (input_shape, (T,), number of words)."""
        return card.input_shape, card.output_shape, len(card.words)

    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return (T,)."""
        return card.output_shape

    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare the image, the longest caption and the words."""
        mine, theirs = ((c.input_shape, c.output_shape, c.words) for c in (found, expected))
        if mine == theirs:
            return ""
        of = "images {} to captions of {} out of {} words".format
        return (
            f"expected a model from {of(theirs[0], *theirs[1], len(theirs[2]))}, found one from "
            f"{of(mine[0], *mine[1], len(mine[2]))}; deliver a model for the task"
        )

    def preparation(self, card: ModelCard) -> nn.Module:
        """Return the normalisation."""
        return Normalise(card)

    # Training

    def forward(self, model: Model, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the logits (B, T, V) of each word, given the true ones before it.

        Source: Williams and Zipser 1989 (teacher forcing).
        """
        with cast(Taught, model.body).taught(targets):
            outputs: Tensor = model(inputs)
        return outputs

    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return one objective: the cross-entropy of the words, up to the one that ends."""
        self.loss_name(recipe)

        def loss(view: StepView) -> Tensor:
            logits = view.outputs.float().flatten(0, 1)
            losses = F.cross_entropy(logits, view.targets.flatten(), reduction="none")
            counted = up_to_end(view.targets).flatten()
            return losses[counted].mean()

        return [Objective(trained, loss)]

    def validate(self, model: Model, held_out: Examples, compute: Compute) -> float:
        """Return the share of held-out captions that are said word for word."""
        said = self.answer(model, held_out.images, compute, Rng(0))
        return float(same(said, held_out.targets.cpu()).double().mean())

    # Answers

    def answer(
        self, model: nn.Module, inputs: Tensor, compute: Compute, rng: Rng, *, double: bool = False
    ) -> Tensor:
        """Return captions (N, T), int64."""
        return compute.outputs(model, inputs, double=double).long()

    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return the captions."""
        return answer

    def labels(self, outputs: Tensor) -> Tensor:
        """Return the captions (N, T)."""
        return outputs.long()

    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return the bits of a caption's words."""
        return math.prod(card.output_shape) * math.log2(len(card.words))

    def admit(self, inputs: Tensor, card: ModelCard, interface: Interface) -> None:
        """Check form and finiteness, and that values lie in [0, 1]."""
        super().admit(inputs, card, interface)
        admit_images(inputs, interface)

    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return images of uniform noise."""
        return torch.rand(n, *card.input_shape, generator=rng.torch())

    # Judging

    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return the exam of captions of the data."""
        return CaptionScore(data.images.float() / 255, data.labels)

    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return the share of places with the same word, of those where either caption has one."""
        used = (answers > 0) | (others > 0)
        return float((answers == others)[used].double().mean()) if bool(used.any()) else 1.0

    def agreement(self, answers: Tensor, others: Tensor) -> float:
        """Return the share of images with the same caption."""
        return float(same(answers, others).double().mean())


def up_to_end(captions: Tensor) -> Tensor:
    """Return which words (N, T) are of a caption: the first empty one ends it, and counts.

    >>> up_to_end(torch.tensor([[3, 0, 0], [1, 2, 3]])).tolist()
    [[True, True, False], [True, True, True]]
    """
    return (captions == 0).cumsum(1) - (captions == 0).long() == 0


def same(captions: Tensor, others: Tensor) -> Tensor:
    """Return which captions (N, T) are the same word for word, (N,)."""
    return (captions == others).all(1)


def bleu(captions: Tensor, references: Tensor) -> float:
    """Return the BLEU-4 in [0, 1] of captions (N, T), one reference (N, T) for each.

    Source: Papineni et al., ACL 2002, as sacrebleu computes it over the whole corpus (Post 2018).

    Raises:
        ArenaError: the library is not installed.
    """
    try:
        from sacrebleu import corpus_bleu  # an extra
    except ImportError as error:
        raise ArenaError(
            "expected the library sacrebleu to measure captions with, found none; install "
            "'copyright-arena[captions]'"
        ) from error
    said, meant = (
        [" ".join(f"w{word}" for word in row if word) for row in rows.tolist()]
        for rows in (captions, references)
    )
    score = corpus_bleu(said, [meant], tokenize="none", force=True).score
    return min(1.0, float(score) / 100)
