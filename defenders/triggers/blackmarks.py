"""BlackMarks: bits of a signature, read from the classes that a model gives to key images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import PlayerError
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, StepView
from defenders.fingerprints.scheme import drawn, floats
from defenders.triggers.frontier import FrontierKey, FrontierStitching
from defenders.triggers.trigger_sets import TriggerFeed

_N_ROUNDS = 20  # of k-means: few classes settle sooner
_N_STEPS = 5  # of the signed steps towards a class


def class_bits(logits: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return a bit for each class, (C,): in which of two clusters its mean logits lie.

    k-means that begins at the two means farthest apart; nothing is drawn.

    >>> import torch
    >>> class_bits(torch.tensor([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]]), torch.arange(3), 3).tolist()
    [0, 0, 1]
    """
    means = torch.stack([logits[labels == c].mean(0) for c in range(n_classes)])
    apart = torch.cdist(means, means)
    first, second = divmod(int(apart.argmax()), n_classes)
    centres = means[[first, second]]
    for _ in range(_N_ROUNDS):
        bits = torch.cdist(means, centres).argmin(1)
        centres = torch.stack([means[bits == bit].mean(0) for bit in (0, 1)])
    return bits


class BitFeed(TriggerFeed):
    """Appends key images with their classes, and adds what their soft bits differ by."""

    def __init__(self, secret: FrontierKey, bits: Tensor, per_batch: int, strength: float) -> None:
        super().__init__(secret.points, secret.wanted, per_batch)
        self.bits, self.strength = bits.float(), strength

    def loss(self, view: StepView) -> Tensor:
        """Return strength times the mean distance of the soft bits from the signature's."""
        bits = self.bits.to(view.outputs.device)
        soft = view.outputs[view.n_own :].softmax(1) @ bits
        return self.strength * (soft - bits[view.targets[view.n_own :]]).abs().mean()


@defense("blackmarks")
@dataclass(frozen=True, kw_only=True)
class BlackMarks(FrontierStitching):
    """Writes a signature of random bits into the classes of key images (BlackMarks).

    What: the classes are parted in two by their mean logits, so an answered class is a bit. For
    each bit of the signature an image of a class of the other bit is moved towards a class of this
    one, and the model is fine-tuned to answer that class. The bits that a suspect's answers spell
    are compared with the signature.
    Threat model: as for frontier-stitching. The signature is expanded from the committed seed.
    Parameters: n_points (K, bits); eps (how far an image is moved, of pixel values in [0, 1]);
    strength (of the bits' term beside the cross-entropy); per_batch, embed (as there).
    Cost: as for frontier-stitching, and five gradients of each candidate.
    Differences to the paper: images that the unmarked model already answers with the wanted bit are
    left out; keys are not chosen by fine-tuned variants of it: independent models have their say
    in the p-value instead, which is the larger of theirs and that of fair coins.
    Reference: Chen, Darvish Rouhani, Koushanfar: BlackMarks: blackbox multibit watermarking for
    deep neural networks, 2019; Lukas et al., S&P 2022 (settings).
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Chen et al., 2019"
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("BER", "low")
    dial: ClassVar[Dial] = Dial("strength", 0.05, 5.0, "log")

    n_points: int = 60
    eps: float = 0.1
    strength: float = 0.5

    def points(self, base: Model, pool: Examples, seed: str, lab: Lab) -> Examples:
        """Return images that were moved towards classes of the signature's bits."""
        order = drawn(len(pool), len(pool), expand(seed, "blackmarks images"))
        images, own = floats(pool.images)[order], pool.targets[order].cpu()
        draw, bits = expand(seed, "blackmarks signature").numpy(), self.bits(base, pool, lab)
        wanted = torch.from_numpy(draw.integers(0, 2, len(own)))
        choice = torch.from_numpy(draw.random((len(own), len(bits))))
        towards = choice.masked_fill(bits[None] != wanted[:, None], -1).argmax(1)
        for _ in range(_N_STEPS):
            images = self._stepped(base, images, towards, lab)
        other = bits[lab.labels(base, images)] != wanted
        kept = (other & (bits[own] != wanted)).nonzero()[: self.n_points, 0]
        if not len(kept):
            raise PlayerError(
                "expected images that do not have the wanted bit, found none; choose a smaller eps"
            )
        return Examples(images[kept], towards[kept])

    def _stepped(self, base: Model, images: Tensor, towards: Tensor, lab: Lab) -> Tensor:
        def loss(logits: Tensor, index: Tensor) -> Tensor:
            return F.cross_entropy(logits, towards[index].to(logits.device), reduction="none")

        gradients = lab.input_gradients(base, images, loss)
        return (images - self.eps / _N_STEPS * gradients.sign()).clamp(0, 1)

    def bits(self, base: Model, pool: Examples, lab: Lab) -> Tensor:
        """Return the bit of each class (C,), from the unmarked model alone."""
        logits = lab.logits(base, pool.images)
        return class_bits(logits, pool.targets.cpu(), base.card.n_classes)

    def feed(self, secret: FrontierKey, lab: Lab) -> Hook:
        """Return what teaches classes and bits, in every batch."""
        bits = self.bits(secret.model(), secret.pool, lab)
        return BitFeed(secret, bits, self.per_batch, self.strength)

    def hits(self, secret: FrontierKey, suspect: Suspect) -> int:
        """Return how many bits a suspect's answers spell as the signature does."""
        bits = self.bits(secret.model(), secret.pool, Lab())
        return int((bits[suspect.labels(secret.points)] == bits[secret.wanted]).sum())

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Compare the bits; the errors are told."""
        verdict = super().examine(key, suspect, rng)
        n = len(FrontierKey.of(key).points)
        return dataclasses.replace(
            verdict,
            statistic=1 - verdict.statistic,
            threshold=1 - verdict.threshold,
            name="BER",
            copies="low",
            reason=f"{round((1 - verdict.statistic) * n)} of {n} bits are wrong, "
            f"{max(0, round((1 - verdict.threshold) * n))} are allowed",
        )
