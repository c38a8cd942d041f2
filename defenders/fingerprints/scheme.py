"""Public: what fingerprints have in common, their maths, and the form of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import torch
from torch import Tensor

from arena.errors import MalformedKey, ModelError
from arena.game.rules.key_form import KeyForm, Tensors, shape_problem
from arena.world.json_values import Raw
from arena.world.models import Model, ModelCard, restore
from arena.world.rng import Rng
from arena.world.training import Examples

_SAME = 1e-3


@dataclass(frozen=True, kw_only=True)
class Origin(KeyForm):
    """What points are derived from, so that anybody can derive them again from the key's seed.

    Attributes:
        card, victim: of the model, and its tensors by name.
        images, labels: the pool of held-out images (N, *input_shape) and their classes (N,).
    """

    card: dict[str, Raw]
    victim: Tensors
    images: Tensor = field(metadata={"name": "pool/images"})
    labels: Tensor = field(metadata={"name": "pool/labels"})

    def model(self) -> Model:
        """Return the victim.

        Raises:
            MalformedKey: it cannot be built.
        """
        try:
            return restore(ModelCard.read(self.card), self.victim)
        except ModelError as error:
            raise MalformedKey(f"the key's victim is damaged: {error}") from error

    @property
    def pool(self) -> Examples:
        """The pool of held-out images."""
        return Examples(self.images, self.labels)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("pool/labels", self.labels, len(self.images))


class Origins(TypedDict):
    """The fields of an `Origin`, to make a form of a scheme's own with."""

    card: dict[str, Raw]
    victim: Tensors
    images: Tensor
    labels: Tensor


def origin(victim: Model, pool: Examples) -> Origins:
    """Return what points are derived from: the victim, and a pool of held-out images."""
    return {
        "card": victim.card.plain(),
        "victim": {name: _kept(tensor) for name, tensor in victim.state_dict().items()},
        "images": _kept(pool.images),
        "labels": _kept(pool.targets),
    }


def _kept(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def drawn(n_images: int, n: int, rng: Rng) -> Tensor:
    """Return the indices of `n` random images of a pool (all of them if it is smaller).

    The committed seed draws them, so nobody who knows the pool and the model knows the points.
    """
    return torch.from_numpy(rng.numpy().permutation(n_images)[:n]).sort().values


def alike(first: Tensor, second: Tensor) -> bool:
    """Say whether two derivations are the same up to another machine's rounding.

    Args:
        first: images, on average at most 0.001 apart, or whole numbers, which must be equal.
        second: the others.
    """
    if first.shape != second.shape:
        return False
    if not first.is_floating_point():
        return torch.equal(first, second)
    return not first.numel() or float((first - second).abs().mean()) <= _SAME


def floats(images: Tensor) -> Tensor:
    """Return images as floats in [0, 1]."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def boundary_loss(logits: Tensor, source: Tensor, target: Tensor, margin: float) -> Tensor:
    """Return how far points are from behind the boundary between two classes, (B,).

    relu(Z_i - Z_j + k) + relu(max of the others - Z_i): 0 where the target class j leads the source
    class i by the margin k, and no third class comes before i. Source: Cao et al. 2021.

    Args:
        logits: (B, C).
        source: the class i of each start, (B,).
        target: the class j, (B,).
        margin: k, in units of the logits.

    >>> z = torch.tensor([[3.0, 1.0, 0.0]])
    >>> boundary_loss(z, torch.tensor([0]), torch.tensor([1]), 0.5).item()
    2.5
    """
    pair = torch.stack([source, target], 1)
    first, second = logits.gather(1, pair).unbind(1)
    others = logits.scatter(1, pair, -torch.inf).amax(1)
    return (first - second + margin).relu() + (others - first).relu()


@dataclass(frozen=True, kw_only=True)
class PrintKey(Origin):
    """Points, what the victim answers on them, and how far from that other models are.

    Attributes:
        points: (K, *input_shape). answers: (K, ...) the victim's.
        null_values: the statistic of independent models.
        copy_values: the statistic of models that the owner derived from the victim itself.
    """

    points: Tensor
    answers: Tensor
    null_values: Sequence[float]
    copy_values: Sequence[float] = ()

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from super().problems()
        if not len(self.points):
            yield "expected points, found none"
        if len(self.answers) != len(self.points):
            yield f"expected answers to {len(self.points)} points, found {len(self.answers)}"


@dataclass(frozen=True, kw_only=True)
class MembersKey(Origin):
    """Points of the owner's data and held-out ones, and what tells them apart in its own model.

    Attributes:
        pool: in `images` and `labels`, the owner's data first, then the held-out images.
        n_members: how many of the pool are the owner's data.
        stream: what walks are drawn from; follows from the key's seed.
        members, held_out: indices into the pool of the points of a test, (M,) and (H,).
        scales: mean and deviation of each norm, (2, 3). regressor: its weights by name.
        null_values: the statistic of models that saw neither kind of point.
    """

    n_members: int
    stream: str
    members: Tensor
    held_out: Tensor
    scales: Tensor
    regressor: Tensors
    null_values: Sequence[float] = ()

    @property
    def points(self) -> Examples:
        """The points of a test: members, then held-out ones."""
        chosen = torch.cat([self.members, self.held_out])
        return Examples(floats(self.images[chosen]), self.labels[chosen])

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from super().problems()
        yield from shape_problem("scales", self.scales, 2, 3)
        if missing := {"w1", "b1", "w2", "b2"} - set(self.regressor):
            yield f"expected tensors regressor/{', '.join(sorted(missing))}, found none"
        for name, index in (("members", self.members), ("held_out", self.held_out)):
            if not len(index) or int(index.min()) < 0 or int(index.max()) >= len(self.images):
                yield f"expected {name!r} to be indices of {len(self.images)} images"
