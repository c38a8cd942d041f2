"""White-box tests: images grown until one neuron puts out far more than on any real one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from arena.world.compute import Compute, keep_heap
from arena.world.json_values import Frozen
from arena.world.models import Model
from arena.world.training import Progress
from defenders.deepjudge.growth.neuron_function import NeuronFunction
from defenders.deepjudge.scheme.metrics import neurons

_ROUNDING = 1e-5  # the path and the model itself add in another order; the bound holds for both
_DECAY, _EPS = (0.9, 0.999), 1e-8  # of Adam
_IDLE = 1 / 8  # share of finished rows at which a batch is filled up again


class Growth(Frozen):
    """How white-box tests are grown.

    A test's neuron puts out more than `factor` times its largest reference output. `lr` is Adam's,
    in units of the pixel range; `n_steps` the most steps for one test; `chunk` the number of tests
    that are grown at the same time, which bounds memory.
    """

    factor: float = 3.0
    lr: float = 0.01
    n_steps: int = 1000
    chunk: int = 128


@dataclass(frozen=True)
class Grown:
    """The tests that were found, ordered by neuron and seed, and what was not.

    Attributes:
        images: (T, *shape), not clipped to [0, 1]: they are for judges that see inside.
        neuron: (T,) the neuron that each test excites. seed: (T,) the seed it grew from.
        dead: neurons without a test, because they never put out anything.
        n_steps: Adam steps made, summed over all tests and failures.
    """

    images: Tensor
    neuron: Tensor
    seed: Tensor
    dead: tuple[int, ...]
    n_steps: int


def reference_bounds(
    model: Model, layer: str, references: Tensor, factor: float, compute: Compute
) -> Tensor:
    """Return the bounds (N,): `factor` times each neuron's largest output on the references."""
    outputs = compute.activations(model, references, [layer], neurons)[layer]  # (R, N)
    return factor * outputs.amax(0)


def grow(
    path: NeuronFunction,
    seeds: Tensor,
    bounds: Tensor,
    how: Growth,
    progress: Progress = lambda done, total: None,
) -> Grown:
    """Grow a test for each (seed, neuron): Adam on the image until the neuron exceeds its bound.

    Rows are independent, since Adam is element-wise and the losses are separable, so each test is
    the one that a loop over single seeds and neurons finds. A finished row is frozen; when enough
    have finished, new pairs take their places, so a batch is never much smaller than its chunk.

    Args:
        path: from images to neurons (`path_to`).
        seeds: floats in [0, 1], (S, *shape); the tests grow on their device.
        bounds: of the neurons, (N,), there too; a neuron whose bound is not positive is dead: it
            never puts out anything, and gets no test.
        how: the growth.
        progress: called with pairs done and pairs in all.
    """
    keep_heap()
    alive = (bounds > 0).nonzero().flatten()
    indices = torch.arange(len(seeds), device=seeds.device)
    pairs = torch.cartesian_prod(alive, indices).view(-1, 2)  # (P, 2)
    found: list[tuple[Tensor, Tensor]] = []
    rows, n_begun, n_steps = _Rows.empty(seeds), 0, 0
    while n_begun < len(pairs) or rows.n_live:
        if rows.n_live <= len(rows) * (1 - _IDLE):
            fresh = pairs[n_begun : n_begun + how.chunk - rows.n_live]
            rows, n_begun = rows.refilled(fresh, seeds, bounds), n_begun + len(fresh)
            progress(n_begun - len(rows), len(pairs))
        n_steps += rows.n_live
        found.extend(rows.step(path, how))
    progress(len(pairs), len(pairs))
    dead = tuple((bounds <= 0).nonzero().flatten().tolist())
    return Grown(*_in_order(found, seeds), dead, n_steps)


def _in_order(found: list[tuple[Tensor, Tensor]], seeds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return images (T, *shape), neurons and seeds (T,) by neuron, then seed; on the CPU."""
    images = torch.cat([seeds[:0], *(image for image, _ in found)])
    none = seeds.new_zeros(0, 2, dtype=torch.int64)
    pairs = torch.cat([none, *(pair for _, pair in found)])
    order = (pairs[:, 0] * len(seeds) + pairs[:, 1]).argsort()
    return images[order].cpu(), pairs[order, 0].cpu(), pairs[order, 1].cpu()


@dataclass
class _Rows:
    """The tests that are growing: one (neuron, seed) a row; images and moments lie batch-last."""

    pairs: Tensor  # (B, 2)
    bounds: Tensor  # (B,)
    images: Tensor  # (*shape, B)
    mean: Tensor  # Adam's moments
    square: Tensor
    age: Tensor  # (B,) steps made
    live: Tensor  # (B,)
    n_live: int = 0

    @classmethod
    def empty(cls, seeds: Tensor) -> _Rows:
        images, flat = seeds[:0].movedim(0, -1), seeds.new_zeros(0)
        pairs = flat.new_zeros(0, 2, dtype=torch.int64)
        return cls(pairs, flat, images, images, images, flat, flat > 0)

    def __len__(self) -> int:
        return len(self.age)

    def refilled(self, pairs: Tensor, seeds: Tensor, bounds: Tensor) -> _Rows:
        """Return the rows that still grow, and new ones for `pairs` behind them."""
        n, fresh = len(pairs), seeds[pairs[:, 1]].movedim(0, -1)
        flat, blank = seeds.new_zeros(n), torch.zeros_like(fresh)

        def kept(mine: Tensor, new: Tensor) -> Tensor:
            return torch.cat([mine[..., self.live], new], -1).contiguous()

        live = flat.new_ones(self.n_live + n, dtype=torch.bool)
        return _Rows(
            pairs=torch.cat([self.pairs[self.live], pairs]),
            bounds=kept(self.bounds, bounds[pairs[:, 0]] * (1 + _ROUNDING)),
            images=kept(self.images, fresh),
            mean=kept(self.mean, blank),
            square=kept(self.square, blank),
            age=kept(self.age, flat),
            live=live,
            n_live=len(live),
        )

    def step(self, path: NeuronFunction, how: Growth) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images and pairs that have arrived; move every row by one step of Adam."""
        images = self.images.requires_grad_(True)
        outputs = path(images, self.pairs[:, 0])
        (gradient,) = torch.autograd.grad(outputs.sum(), images)
        self.images = images.detach()
        done = self.live & (outputs.detach() > self.bounds)
        if bool(done.any()):
            yield self.images[..., done].movedim(-1, 0), self.pairs[done]
        self.live &= ~done & (self.age < how.n_steps)
        self.n_live = int(self.live.sum())
        self._ascend(gradient, how.lr)

    def _ascend(self, gradient: Tensor, lr: float) -> None:
        """Make a step of Adam uphill. Source: Kingma and Ba 2015, algorithm 1."""
        first, second = _DECAY
        self.age += 1
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = lr / (1 - first**self.age)  # (B,)
        scale = (1 - second**self.age).rsqrt()
        divisor = torch.addcmul(_EPS / size, self.square.sqrt(), scale / size)
        self.images.addcdiv_(self.mean, divisor)
