"""DeepSigns: bits in the mean activations of some classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, shape_problem
from arena.game.rules.keys import expand, random_bits


def features(outputs: Tensor) -> Tensor:
    """Return a row (B, M) for each output (B, M); the places of a map (B, M, H, W) are averaged."""
    return outputs.mean((2, 3)) if outputs.dim() == 4 else outputs.flatten(1)


def class_means(rows: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return the mean row (S, M) of each class; zero for a class without rows (B, M)."""
    chosen = F.one_hot(labels, n_classes).to(rows).T  # (S, B)
    return chosen @ rows / chosen.sum(1, keepdim=True).clamp_min(1)


@dataclass(frozen=True)
class Sizes:
    """How much is drawn: features M, classes that there are, classes marked, bits of each."""

    width: int
    total: int
    n_classes: int
    bits_each: int


def key_material(seed: str, sizes: Sizes) -> dict[str, Tensor]:
    """Return marked classes (n,), the projection (M, N) and bits (n, N), expanded from a seed."""
    n, each = sizes.n_classes, sizes.bits_each
    order = expand(seed, "deepsigns classes").numpy().permutation(sizes.total)
    matrix = expand(seed, "deepsigns matrix").numpy().standard_normal((sizes.width, each))
    return {
        "classes": torch.from_numpy(order[:n].copy()),
        "matrix": torch.from_numpy(matrix).float(),
        "bits": random_bits(expand(seed, "deepsigns bits"), n * each).view(n, each),
    }


@dataclass(frozen=True, kw_only=True)
class DeepSignsKey(KeyForm):
    """Which activations of which images are projected, and the bits that come out.

    Attributes:
        layer: whose outputs are the activations. width: features M of it.
        total: classes of the task. n_classes: n that are marked. bits_each: N of each.
        classes: (n,) the marked ones. matrix: (M, N). bits: (n, N).
        images: (K, *input_shape) of the marked classes. places: (K,) of their classes in the list.
    """

    layer: str
    width: Count
    total: Count
    n_classes: Count
    bits_each: Count
    classes: Tensor
    matrix: Tensor
    bits: Tensor
    images: Tensor
    places: Tensor

    @property
    def sizes(self) -> Sizes:
        """How much a seed expands to."""
        return Sizes(self.width, self.total, self.n_classes, self.bits_each)

    def expanded(self, seed: str) -> DeepSignsKey:
        """Return the key with the classes, projection and bits of a seed."""
        drawn = key_material(seed, self.sizes)
        classes, matrix, bits = drawn["classes"], drawn["matrix"], drawn["bits"]
        return replace(self, classes=classes, matrix=matrix, bits=bits)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("classes", self.classes, self.n_classes)
        yield from shape_problem("matrix", self.matrix, self.width, self.bits_each)
        yield from shape_problem("bits", self.bits, self.n_classes, self.bits_each)
        yield from shape_problem("places", self.places, len(self.images))
        if len(self.places) and not 0 <= int(self.places.min()) <= int(self.places.max()) < (
            self.n_classes
        ):
            yield f"expected places below {self.n_classes}, found others"
