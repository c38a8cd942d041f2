"""DeepJudge's test cases, and the part of them that a scenario may expose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from arena.errors import MalformedKey
from arena.game.rules.key_form import KeyForm, Tensors

TestPart = Literal["all", "exposed", "held-out"]
PARTS: tuple[TestPart, ...] = ("all", "exposed", "held-out")


@dataclass(frozen=True)
class Tests:
    """Test cases: images (T, *shape) as floats, the label (T,) and number (T,) of each one's seed.

    `neuron` (T,) is what a white-box test excites; of black-box tests it is empty.
    """

    images: Tensor
    labels: Tensor
    seed: Tensor
    neuron: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def part(self, part: TestPart) -> Tensor:
        """Return which tests (T,) belong to a part: tests of every other seed may be exposed."""
        if part == "all":
            return torch.ones(len(self), dtype=torch.bool)
        return self.seed % 2 == (0 if part == "exposed" else 1)

    def parts(self) -> Iterator[tuple[TestPart, Tensor]]:
        """Yield the parts that have tests, with their masks."""
        for part in PARTS:
            mask = self.part(part)
            if bool(mask.any()):
                yield part, mask

    def select(self, mask: Tensor) -> Tests:
        """Return the tests where the mask (T,) is true."""
        neuron = self.neuron[mask] if len(self.neuron) else self.neuron
        return Tests(self.images[mask], self.labels[mask], self.seed[mask], neuron)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tests as named tensors."""
        return {
            "images": self.images,
            "labels": self.labels,
            "seed": self.seed,
            "neuron": self.neuron,
        }

    @classmethod
    def of(cls, group: Tensors) -> Tests:
        """Read tests back.

        Raises:
            MalformedKey: tensors are missing, or there are others.
        """
        if set(group) != {"images", "labels", "seed", "neuron"}:
            raise MalformedKey(
                f"expected tests of images, labels, seed and neuron, found {sorted(group)}"
            )
        return cls(**group)


@dataclass(frozen=True, kw_only=True)
class ExposedTests(KeyForm):
    """What a thief gets that is said to know the tests: images, labels of their seeds, the layer.

    Attributes:
        layer: that white-box tests are for, "" for none.
        blackbox_images, whitebox_images: (T, *shape). blackbox_labels, whitebox_labels: (T,).
    """

    layer: str = ""
    blackbox_images: Tensor | None = None
    blackbox_labels: Tensor | None = None
    whitebox_images: Tensor | None = None
    whitebox_labels: Tensor | None = None
