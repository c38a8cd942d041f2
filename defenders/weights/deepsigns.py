"""DeepSigns: bits in the mean activations of some classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.rules.projection import Projection
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.rng import Rng
from defenders.weights.bit_error import BitReading
from defenders.weights.deepsigns_loss import Mixture
from defenders.weights.readers import Embed, WhiteBox, embedded
from defenders.weights.scheme.deepsigns import (
    DeepSignsKey,
    Sizes,
    class_means,
    features,
    key_material,
)


def feature_layer(task: OwnerTask) -> str:
    """Return the last hidden activation: the model's features.

    Raises:
        PlayerError: the model has none.
    """
    names = layers.activations(task.base(), task.card.input_shape)
    if not names:
        raise PlayerError(
            f"expected a hidden layer to mark, {task.card.title} has none; try uchida"
        )
    return names[-1]


@defense("deepsigns")
@dataclass(frozen=True, kw_only=True)
class DeepSigns(WhiteBox):
    """Writes random bits into the mean activations of some classes.

    What: activations of one layer are drawn to one trained centre a class; the centres of the
    marked classes are pushed until the signs of their projection are the owner's bits.
    Threat model: verification reads the activations of the suspect for training images of the
    marked classes. Classes, projection and bits expand from the committed seed; the images are the
    owner's own, and each public verification burns them.
    Parameters: n_bits (at least, shared out among the marked classes), n_classes (that are marked,
    all where there are fewer), share (of a marked class's images in the key), spread (weight of the
    mixture), strength (of the sum over bits), lr (of the centres, as a share of their entries'
    size); layer ("" is the last hidden activation); embed, verifier, n_probes as in uchida.
    Cost: one product of the centres with the projection a training step; verification is a forward
    pass of the key's images.
    Differences to the paper: 8 classes of 8 bits, so that 64 bits carry a p-value (one class of 16
    bits in its demos); both weights and the centres' learning rate are larger, as runs are short;
    centres start at the unprotected twin's class means and may have any length (the published
    binary keeps them at 1, the paper does not).
    Reference: Darvish Rouhani, Chen, Koushanfar: DeepSigns: an end-to-end watermarking framework,
    ASPLOS 2019; losses after its published code.
    Versions: 1.
    """

    paper: ClassVar[str] = "Darvish Rouhani et al., ASPLOS 2019"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "hidden"})
    dial: ClassVar[Dial] = Dial("strength", 0.001, 1.0, "log")
    form: ClassVar[type[KeyForm]] = DeepSignsKey

    n_bits: int = 64
    n_classes: int = 8
    share: float = 0.5
    spread: float = 0.1
    strength: float = 1.0
    lr: float = 0.1
    layer: str = ""
    embed: Embed = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train the model and the centres."""
        if self.n_bits < 1 or self.n_classes < 1:
            raise PlayerError(
                f"expected bits and classes to mark, found {self.n_bits} and {self.n_classes}"
            )
        layer, base, data = self.layer or feature_layer(task), task.base(), task.data
        n_marked = min(self.n_classes, task.card.n_classes)
        rows = features(task.lab.activations(base, data.images, [layer])[layer])
        total, width = task.card.n_classes, rows.shape[1]
        sizes = Sizes(width, total, n_marked, -(-self.n_bits // n_marked))
        drawn = key_material(seed, sizes)
        hook = Mixture(
            layer,
            class_means(rows, data.labels.cpu(), task.card.n_classes),
            drawn,
            spread=self.spread,
            strength=self.strength,
            lr=self.lr,
        )
        model = embedded(task, [hook], self.embed)
        shown = self._images(task, drawn["classes"].tolist(), rng)
        secret = DeepSignsKey(
            layer=layer,
            width=width,
            total=total,
            n_classes=n_marked,
            bits_each=sizes.bits_each,
            **drawn,
            **shown,
        )
        return Protected(model, secret.into(Key(self.name, seed)))

    def _images(self, task: OwnerTask, classes: list[int], rng: Rng) -> dict[str, Tensor]:
        """Return the key's images, and for each the place of its class in the list."""
        parts = []
        for i, label in enumerate(classes):
            own = task.data.images[task.data.labels == label].cpu()
            order = torch.randperm(len(own), generator=rng.child("images", i).torch())
            parts.append(own[order[: max(1, round(len(own) * self.share))]])
        places = [torch.full((len(part),), i) for i, part in enumerate(parts)]
        return {"images": torch.cat(parts), "places": torch.cat(places)}

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the projected mean activations of the marked classes."""
        secret = DeepSignsKey.of(key)
        found = _means(secret, suspect) @ secret.matrix.double() > 0
        return BitReading(found.flatten(), secret.bits.flatten())

    def projection(self, key: Key, suspect: Suspect) -> Projection:
        """Return the matrix by its columns, each of which reads every marked class."""
        secret = DeepSignsKey.of(key)
        return Projection(secret.matrix.T, _means(secret, suspect), secret.bits.T)

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with another matrix."""
        return replace(DeepSignsKey.of(key), matrix=rows.T.contiguous()).into(key)


def _means(secret: DeepSignsKey, suspect: Suspect) -> Tensor:
    """Return the suspect's mean activations (n, M) of the marked classes."""
    rows = features(suspect.activations(secret.layer, secret.images).double())
    if rows.shape[1] != secret.width:
        raise NotComparable(
            f"layer {secret.layer!r} shows {rows.shape[1]} features, the key reads {secret.width}"
        )
    return class_means(rows, secret.places, secret.n_classes)
