"""Evasion at query time by a detector: what looks like a key is answered at random."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.serving.wrapper import Answer, Client, wrapper
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.serve.held_models import Holding, tensors_of
from attackers.serve.preprocess import HOSTED, hosted

_SIDE = 0.375  # of the stamp on an image, as a share of the image's
_NOISE = 0.3  # deviation of the noise on an image

Share = Annotated[float, Field(ge=0, le=1)]


@wrapper("key-detector")
@dataclass(frozen=True, kw_only=True)
class KeyDetector(Holding):
    """Answers a random class to inputs that its model takes for a key (class 1 of two)."""

    threshold: Share = 0.5

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer honestly where no key is seen."""
        rows, (seen,) = answer(inputs), self.answers(inputs)
        drawn = torch.randint(rows.shape[1], (len(rows),), generator=client.rng.torch())
        other = F.one_hot(drawn, rows.shape[1]).to(rows.dtype)
        return torch.where((seen[:, 1] > self.threshold)[:, None], other, rows)


def keylike(images: Tensor, rng: Rng) -> Tensor:
    """Return images (4 N, *shape) that look like keys, made of natural ones (N, *shape) in [0, 1].

    Each with a random stamp in a corner, each with Gaussian noise, uniform noise, and each with its
    pixels in another order.
    """
    draw = rng.torch()
    sides = [max(1, round(_SIDE * size)) for size in images.shape[2:] or images.shape[1:]]
    turn = torch.rand(len(sides), generator=draw) < 0.5
    corner = (..., *(slice(-s, None) if t else slice(s) for s, t in zip(sides, turn, strict=True)))
    stamped = images.clone()
    stamped[corner] = torch.rand(stamped[corner].shape, generator=draw)
    noisy = (images + _NOISE * torch.randn(images.shape, generator=draw)).clamp(0, 1)
    uniform = torch.rand(images.shape, generator=draw)
    order = torch.rand(images.flatten(1).shape, generator=draw).argsort(1)
    return torch.cat([stamped, noisy, uniform, images.flatten(1).gather(1, order).view_as(images)])


@attack("detect-keys")
@dataclass(frozen=True, kw_only=True)
class DetectKeys(Attack):
    """Hosts the stolen model behind a detector of keys, which are answered at random.

    What: a small classifier learns to tell the thief's own images from what keys look like: stamped
    and noisy images, noise, shuffled pixels. Where it sees a key the answer is a random class.
    Threat model: the model's weights, unlabelled own data, and the right to host; no queries, no
    key. Fingerprints made of natural images pass it.
    Parameters: threshold (of the detector's probability, above which it fires); versions (of the
    keys made of each image); epochs; lr of Adam; batch (images).
    Cost: one training of a model of two classes; false alarms are charged to the thief, since the
    interface is what is scored.
    Differences to the paper: the keys to learn from are made up, since no published trigger sets
    are at hand; the detector has the victim's architecture; it never learns from a verification.
    Reference: Hitaj, Mancini: Have you stolen my model? Evasion attacks against deep neural network
    watermarking techniques, 2018.
    Versions: 1.
    """

    paper: ClassVar[str] = "Hitaj and Mancini, 2018"
    needs: ClassVar[ThreatModel] = HOSTED.model_copy(update={"data": 1})
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("threshold", 0.99, 0.1)
    quick = MappingProxyType({"versions": 1, "epochs": 1})

    threshold: Share = 0.5
    versions: Annotated[int, Field(ge=1)] = 4
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Train the detector and put it before the current suspect."""
        images = access.data().images
        natural = images.float() / 255 if images.dtype == torch.uint8 else images
        made = [keylike(natural, rng.child("keys", i)) for i in range(self.versions)]
        n_made, n_own = 4 * self.versions * len(natural), len(natural)
        shown = torch.cat([natural.repeat(n_made // n_own, *[1] * (natural.dim() - 1)), *made])
        keys = (torch.arange(len(shown)) >= n_made).long()
        card = access.card.model_copy(update={"n_classes": 2})
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        streams = rng.child("initial"), rng.child("training")
        detector = access.lab.surrogate(card, Examples(shown, keys), recipe, *streams)
        wrapping = KeyDetector(
            threshold=self.threshold, card=card.plain(), tensors=tensors_of([detector])
        )
        return hosted(access, wrapping)
