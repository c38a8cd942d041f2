"""Abstract images from formulas: a public pool for a thief that needs no download."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from arena.world.data.dataset import Dataset, Source
from arena.world.rng import Rng

SHAPES_VERSION = "1"  # raise it when other images are drawn than before

_SIZE = 28
_N_TRAIN, _N_TEST = 20_000, 1_000

_Values = npt.NDArray[np.float64]
_Random = np.random.Generator


def shapes() -> Source:
    """Return 20,000 + 1,000 synthetic grey images (1, 28, 28): always the same ones.

    A class is the formula that drew the image, a tenth of the images each, in turn. They stand for
    no real data: they are queries from another domain than the victim's.
    """
    return Source(_drawn("train", _N_TRAIN), _drawn("test", _N_TEST))


def _drawn(part: str, n_images: int) -> Dataset:
    n_each = n_images // len(_FORMULAS)
    images = np.empty((n_each, len(_FORMULAS), 1, _SIZE, _SIZE), dtype=np.uint8)
    for index, (name, formula) in enumerate(_FORMULAS.items()):
        random = Rng(0).child("shapes", part, name).numpy()
        images[:, index, 0] = _levels(formula(random, n_each), random)
    labels = torch.arange(len(_FORMULAS)).repeat(n_each)
    return Dataset("shapes", torch.from_numpy(images).flatten(0, 1), labels, tuple(_FORMULAS))


def _levels(values: _Values, random: _Random) -> npt.NDArray[np.uint8]:
    """Spread each image over a range of grey levels of its own, half of them dark on light."""
    values = values - values.min((1, 2), keepdims=True)
    values /= values.max((1, 2), keepdims=True) + 1e-9  # (n, H, W) in [0, 1]
    low, high = _draw(random, len(values), 0, 0.3), _draw(random, len(values), 0.6, 1)
    inverted = _draw(random, len(values), 0, 1) < 0.5
    values = np.where(inverted, 1 - values, values)
    return ((low + (high - low) * values) * 255).round().astype(np.uint8)


def _draw(random: _Random, n: int, low: float, high: float) -> _Values:
    return random.uniform(low, high, (n, 1, 1))


def _plane(random: _Random, n: int) -> tuple[_Values, _Values]:
    """Return coordinates (n, H, W) in about [-1, 1], moved, turned and stretched for each image."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, _SIZE)] * 2, indexing="ij")
    x, y = x - _draw(random, n, -0.4, 0.4), y - _draw(random, n, -0.4, 0.4)
    angle, stretch = _draw(random, n, 0, 2 * np.pi), _draw(random, n, 0.5, 1)
    return x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) * stretch


def _polar(random: _Random, n: int) -> tuple[_Values, _Values]:
    u, v = _plane(random, n)
    return np.hypot(u, v), np.arctan2(v, u)


def _noise(random: _Random, n: int, fall: float) -> _Values:
    """Return Gaussian noise whose amplitude falls with frequency as f ** -fall."""
    rows, columns = np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf  # no mean
    spectrum = np.fft.rfft2(random.standard_normal((n, _SIZE, _SIZE)))  # (n, H, W // 2 + 1)
    return np.fft.irfft2(spectrum / frequency**fall, s=(_SIZE, _SIZE))


def _clouds(random: _Random, n: int) -> _Values:
    return _noise(random, n, 2.0)


def _grain(random: _Random, n: int) -> _Values:
    return _noise(random, n, 0.7)


def _stripes(random: _Random, n: int) -> _Values:
    return np.sin(_draw(random, n, 3, 16) * _plane(random, n)[0])


def _checks(random: _Random, n: int) -> _Values:
    u, v = _plane(random, n)
    pitch = _draw(random, n, 3, 12)
    return np.where(np.sin(pitch * u) * np.sin(pitch * v) > 0, 1.0, 0.0)


def _rings(random: _Random, n: int) -> _Values:
    return np.sin(_draw(random, n, 6, 20) * _polar(random, n)[0])


def _spirals(random: _Random, n: int) -> _Values:
    radius, angle = _polar(random, n)
    return np.sin(_draw(random, n, 4, 14) * radius + random.integers(1, 5, (n, 1, 1)) * angle)


def _edge(depth: _Values) -> _Values:
    """Return 1 inside (depth > 0) and 0 outside, blurred over about a pixel."""
    return np.clip(depth * _SIZE / 2 + 0.5, 0, 1)


def _ellipses(random: _Random, n: int) -> _Values:
    return _edge(_draw(random, n, 0.2, 0.7) - _polar(random, n)[0])


def _boxes(random: _Random, n: int) -> _Values:
    u, v = _plane(random, n)
    return _edge(_draw(random, n, 0.2, 0.6) - np.maximum(abs(u), abs(v)))


def _flowers(random: _Random, n: int) -> _Values:
    radius, angle = _polar(random, n)
    petals = np.cos(random.integers(3, 8, (n, 1, 1)) * angle)
    return _edge(_draw(random, n, 0.3, 0.6) * (1 + _draw(random, n, 0.2, 0.6) * petals) - radius)


def _strokes(random: _Random, n: int) -> _Values:
    """Return three straight pen strokes, each from the end of the one before."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, _SIZE)] * 2, indexing="ij")
    points = random.uniform(-0.8, 0.8, (4, 2, n, 1, 1))
    nearest = np.full((n, _SIZE, _SIZE), np.inf)
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        along = ((x - x0) * dx + (y - y0) * dy) / (dx**2 + dy**2)
        along = along.clip(0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - along * dx, y - y0 - along * dy))
    return _edge(_draw(random, n, 0.06, 0.16) - nearest)


_FORMULAS: dict[str, Callable[[_Random, int], _Values]] = {
    "boxes": _boxes,
    "checks": _checks,
    "clouds": _clouds,
    "ellipses": _ellipses,
    "flowers": _flowers,
    "grain": _grain,
    "rings": _rings,
    "spirals": _spirals,
    "stripes": _stripes,
    "strokes": _strokes,
}
