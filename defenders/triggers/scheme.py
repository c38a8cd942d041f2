"""Public: the maths of trigger sets, and the form of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape, Tensors, shape_problem
from arena.game.rules.keys import expand, prf_labels
from arena.world.rng import Rng

MOST = 1000
"""Triggers with random labels: a verdict deals the labels anew, exactly, which takes a second."""
Few = Annotated[int, Field(le=MOST)]
_FALL = (0.0, 1.0)  # the amplitude of a frequency f falls as f ** -fall: from grain to clouds


def abstract_images(rng: Rng, n_images: int, shape: tuple[int, ...]) -> Tensor:
    """Return fractal noise as uint8 images (N, *shape), each stretched to the full range.

    Each image draws its own roughness. Rows of a table (D,) are noise along the row.
    """
    axes = tuple(range(2, len(shape) + 1)) if len(shape) == 3 else (1,)
    size = [(n_images, *shape)[axis] for axis in axes]
    random = rng.numpy()
    falls = random.uniform(*_FALL, (n_images, *(1 for _ in shape)))
    white = np.fft.fftn(random.standard_normal((n_images, *shape)), axes=axes)
    noise = np.fft.ifftn(white * _frequencies(size) ** -falls, axes=axes).real  # (N, *shape)
    inner = tuple(range(1, noise.ndim))
    noise = noise - noise.min(inner, keepdims=True)
    noise = noise / np.maximum(noise.max(inner, keepdims=True), 1e-9)
    return torch.from_numpy((noise * 255).round().astype(np.uint8))


def _frequencies(size: list[int]) -> npt.NDArray[np.float64]:
    """Return the frequency of each Fourier coefficient; infinity for the mean, which is dropped."""
    grids = np.meshgrid(*(np.fft.fftfreq(n) for n in size), indexing="ij")
    frequency = np.sqrt(sum(grid**2 for grid in grids))
    frequency.flat[0] = np.inf
    return np.asarray(frequency)


@dataclass(frozen=True, kw_only=True)
class AdiKey(KeyForm):
    """Abstract images and a label for each.

    Attributes:
        n_triggers: K. shape: of one image. n_classes: that labels are drawn from.
        images: (K, *shape), uint8. labels: (K,).
        head: parameters of the owner's last layer, where verification puts it back.
    """

    n_triggers: Few
    shape: Shape
    n_classes: Count
    images: Tensor
    labels: Tensor
    head: Tensors = field(default_factory=dict)

    @classmethod
    def from_seed(cls, seed: str, n_triggers: int, shape: Shape, n_classes: int) -> AdiKey:
        """Return the triggers and the labels that a seed expands to."""
        images = abstract_images(expand(seed, "adi images"), n_triggers, shape)
        labels = prf_labels(seed, images, n_classes)
        return cls.holding(images, labels, n_classes)

    @classmethod
    def holding(cls, images: Tensor, labels: Tensor, n_classes: int) -> AdiKey:
        """Return the key of any images (K, *shape) with labels (K,)."""
        return cls(
            n_triggers=len(images),
            shape=tuple(images.shape[1:]),
            n_classes=n_classes,
            images=images,
            labels=labels,
        )

    def expanded(self, seed: str) -> AdiKey:
        """Return the key with the triggers and labels of a seed.

        A stored last layer is no part of it: one that was made later could read anything.
        """
        return self.from_seed(seed, self.n_triggers, self.shape, self.n_classes)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("images", self.images, self.n_triggers, *self.shape)
        yield from shape_problem("labels", self.labels, self.n_triggers)
        if not self.n_triggers:
            yield "expected triggers, found none"


def pattern_from(seed: str, shape: tuple[int, ...], share: float) -> tuple[Tensor, tuple[int, int]]:
    """Return the pattern (C, h, w) that a seed expands to, and the row and column where it goes.

    Grey values are uniform, the side is a share of the image's, the place is one of the corners.
    """
    channels, height, width = shape
    h, w = max(1, round(height * share)), max(1, round(width * share))
    random = expand(seed, "zhang pattern").numpy()
    pattern = torch.from_numpy(random.integers(0, 256, (channels, h, w)).astype("uint8"))
    bottom, right = random.integers(0, 2, 2).tolist()
    return pattern, (bottom * (height - h), right * (width - w))


def pasted(images: Tensor, pattern: Tensor, place: tuple[int, int]) -> Tensor:
    """Return copies of uint8 images (N, C, H, W) with the pattern (C, h, w) at (row, column)."""
    marked, (row, column) = images.clone(), place
    marked[:, :, row : row + pattern.shape[1], column : column + pattern.shape[2]] = pattern
    return marked


@dataclass(frozen=True, kw_only=True)
class ZhangKey(KeyForm):
    """A pattern, where it goes, the images that it is put on, and the class that they then get.

    Attributes:
        source, target: classes. size: of the pattern's side, as a share of the image's.
        shape: (C, H, W). pattern: (C, h, w). place: (2,) row and column.
        embedded, held_out: images of the source class without the mark, (N, C, H, W).
        null_hits: hits of independent models on the held-out triggers.
    """

    source: int
    target: int
    size: Annotated[float, Field(gt=0, le=1)]
    shape: tuple[Count, Count, Count]
    null_hits: Sequence[int] = ()
    pattern: Tensor
    place: Tensor
    embedded: Tensor
    held_out: Tensor = field(metadata={"name": "held-out"})

    @classmethod
    def marking(
        cls, seed: str, classes: tuple[int, int], size: float, held_out: Tensor, embedded: Tensor
    ) -> Self:
        """Return the mark that a seed expands to, on images (N, C, H, W) of the first class."""
        shape = (int(held_out.shape[1]), int(held_out.shape[2]), int(held_out.shape[3]))
        pattern, place = pattern_from(seed, shape, size)
        return cls(
            source=classes[0],
            target=classes[1],
            size=size,
            shape=shape,
            pattern=pattern,
            place=torch.tensor(place),
            embedded=embedded,
            held_out=held_out,
        )

    def expanded(self, seed: str) -> Self:
        """Return the key with the pattern and the corner of a seed.

        The images are the owner's own and no seed gives them: that the mark, and not the images,
        earns the target label is what the referee's null models are for.
        """
        pattern, place = pattern_from(seed, self.shape, self.size)
        return replace(self, pattern=pattern, place=torch.tensor(place))

    def marked(self, images: Tensor) -> Tensor:
        """Return copies of images (N, C, H, W) with the mark."""
        row, column = self.place.tolist()
        return pasted(images, self.pattern, (row, column))

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("pattern", self.pattern, self.shape[0], None, None)
        yield from shape_problem("place", self.place, 2)
        for name, images in (("embedded", self.embedded), ("held-out", self.held_out)):
            yield from shape_problem(name, images, None, *self.shape)
        if not len(self.held_out):
            yield "expected held-out images, found none"


@dataclass(frozen=True, kw_only=True)
class NoiseKey(ZhangKey):
    """One noise pattern that is added to whole images; `size` is its deviation, in [0, 1].

    Attributes:
        pattern: (C, H, W), int16, in grey values.
    """

    @classmethod
    def marking(
        cls, seed: str, classes: tuple[int, int], size: float, held_out: Tensor, embedded: Tensor
    ) -> Self:
        """Return the mark that a seed expands to, on images (N, C, H, W) of the first class."""
        plain = super().marking(seed, classes, size, held_out, embedded)
        return replace(
            plain, pattern=cls._noise(seed, plain.shape, size), place=torch.zeros(2).long()
        )

    @staticmethod
    def _noise(seed: str, shape: tuple[int, ...], size: float) -> Tensor:
        draw = expand(seed, "zhang noise").numpy().standard_normal(shape)
        return torch.from_numpy((draw * size * 255).round().astype("int16"))

    def expanded(self, seed: str) -> Self:
        """Return the key with the noise of a seed; the images are the owner's own."""
        return replace(self, pattern=self._noise(seed, self.shape, self.size))

    def marked(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W), uint8, with the noise on them."""
        return (images.short() + self.pattern).clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, kw_only=True)
class UnrelatedKey(ZhangKey):
    """Abstract images that have nothing to do with the task, and one class for all of them.

    The source class, the pattern and its place say nothing here.
    """

    @classmethod
    def marking(
        cls, seed: str, classes: tuple[int, int], size: float, held_out: Tensor, embedded: Tensor
    ) -> Self:
        """Return as many abstract images, expanded from a seed, as there are images."""
        plain = super().marking(seed, classes, size, held_out, embedded)
        return plain.expanded(seed)

    def expanded(self, seed: str) -> Self:
        """Return the key with the images of a seed."""
        plain, sizes = super().expanded(seed), (len(self.embedded), len(self.held_out))
        drawn = abstract_images(expand(seed, "zhang unrelated"), sum(sizes), self.shape)
        embedded, held_out = drawn.split(list(sizes))
        return replace(plain, embedded=embedded, held_out=held_out)

    def marked(self, images: Tensor) -> Tensor:
        """Return the images as they are: they are the mark."""
        return images


N_SUBCLASSES = 5
"""Of which an artificial class consists."""


def class_images(rng: Rng, n_images: int, shape: tuple[int, ...], spread: float) -> Tensor:
    """Return uint8 images (N, *shape) of a class that no task has.

    Each is one of a few abstract images, the features of the class, mixed with one of its own.

    Args:
        rng: of both.
        n_images: N; subclasses come in turn.
        shape: of one image.
        spread: the share in [0, 1] of what is an image's own.
    """
    features = abstract_images(rng.child("features"), N_SUBCLASSES, shape).float()
    own = abstract_images(rng.child("images"), n_images, shape).float()
    mixed = (1 - spread) * features[torch.arange(n_images) % N_SUBCLASSES] + spread * own
    return mixed.round().to(torch.uint8)


@dataclass(frozen=True, kw_only=True)
class ClassFeatureKey(UnrelatedKey):
    """Images of an artificial class, and the class that it hides in; `size` is its spread."""

    def expanded(self, seed: str) -> Self:
        """Return the key with the images of a seed."""
        sizes = [len(self.embedded), len(self.held_out)]
        order = expand(seed, "class-feature order").numpy().permutation(sum(sizes))
        stream = expand(seed, "class-feature images")
        drawn = class_images(stream, sum(sizes), self.shape, self.size)
        embedded, held_out = drawn[torch.from_numpy(order)].split(sizes)
        return replace(self, embedded=embedded, held_out=held_out)


def candidates(seed: str, n: int, shape: tuple[int, ...], n_classes: int) -> dict[str, Tensor]:
    """Return uniformly random images (n, *shape) and their labels (n,), expanded from a seed."""
    draw = expand(seed, "deepsigns-blackbox images").numpy().integers(0, 256, (n, *shape))
    images = torch.from_numpy(draw.astype("uint8"))
    return {"images": images, "labels": prf_labels(seed, images, n_classes)}


@dataclass(frozen=True, kw_only=True)
class RandomImagesKey(KeyForm):
    """Random images with random labels, and which of them the marked model has learnt.

    Attributes:
        n_candidates: N. shape: of one image. n_classes: that labels are drawn from.
        images: (N, *shape), uint8. labels: (N,). kept: (K,) indices of the keys.
        null_hits: hits of independent models on the keys.
    """

    n_candidates: Count
    shape: Shape
    n_classes: Count
    null_hits: Sequence[int] = ()
    images: Tensor
    labels: Tensor
    kept: Tensor

    @property
    def triggers(self) -> tuple[Tensor, Tensor]:
        """The keys' images (K, *shape) and labels (K,)."""
        return self.images[self.kept], self.labels[self.kept]

    def expanded(self, seed: str) -> RandomImagesKey:
        """Return the key with the candidates of a seed; which were kept no seed tells."""
        drawn = candidates(seed, self.n_candidates, self.shape, self.n_classes)
        return replace(self, images=drawn["images"], labels=drawn["labels"])

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("images", self.images, self.n_candidates, *self.shape)
        yield from shape_problem("labels", self.labels, self.n_candidates)
        yield from shape_problem("kept", self.kept, None)
        inside = (self.kept >= 0) & (self.kept < self.n_candidates)
        if not len(self.kept) or not bool(inside.all()):
            yield f"expected some of {self.n_candidates} candidates to be kept, found others"
        if len(self.kept) > MOST:
            yield f"expected at most {MOST:,} keys, found {len(self.kept):,}"


@dataclass(frozen=True, kw_only=True)
class WrongLabelsKey(KeyForm):
    """Real images, and a label for each that is not its own.

    Attributes:
        n_classes: C. images: (K, *shape). own: their classes (K,). labels: (K,), the owner's.
    """

    n_classes: Count
    images: Tensor
    own: Tensor
    labels: Tensor

    @classmethod
    def drawn(cls, seed: str, images: Tensor, own: Tensor, n_classes: int) -> WrongLabelsKey:
        """Return images with labels drawn from the C - 1 wrong classes by a seed and the image."""
        shift = 1 + prf_labels(seed, images, n_classes - 1)
        return cls(n_classes=n_classes, images=images, own=own, labels=(own + shift) % n_classes)

    def expanded(self, seed: str) -> WrongLabelsKey:
        """Return the key with the labels of a seed; the images are the owner's own."""
        return type(self).drawn(seed, self.images, self.own, self.n_classes)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from shape_problem("own", self.own, len(self.images))
        yield from shape_problem("labels", self.labels, len(self.images))
        if not len(self.images):
            yield "expected triggers, found none"
