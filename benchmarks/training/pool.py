"""A pool of 32 LeNet-5 innocents on a GPU: all at once with vmap against one after another.

    ARENA_DATA=<data> python -m benchmarks.training.pool

Both train the same nets on the same images with the same recipe. Bar: >= 8 times faster. On a CPU
vmap does not pay, so without a GPU there is no number: the code path has its tests on the CPU.
"""

from __future__ import annotations

import time

import torch

from arena.world.compute import Compute
from arena.world.data import load
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe, Trainer
from arena.world.training.pool import train_pool
from benchmarks.common import bar, cache, heading, say
from benchmarks.training.engine import CARD

N_MODELS, N_IMAGES, N_RUNS = 32, 12_000, 3
RECIPE = Recipe(epochs=1, batch=64, augment=Augment(rotation=10, shift=0.1))


def one_after_another(examples: Examples, compute: Compute) -> float:
    """Train the pool model by model; return seconds."""
    models = [build(CARD, Rng(i)) for i in range(N_MODELS)]
    started = time.perf_counter()
    for i, model in enumerate(models):
        Trainer(compute).train(model, examples, RECIPE, Rng(100 + i))
    torch.cuda.synchronize()
    return time.perf_counter() - started


def all_at_once(examples: Examples, compute: Compute) -> float:
    """Train the pool with vmap; return seconds."""
    models = [build(CARD, Rng(i)) for i in range(N_MODELS)]
    started = time.perf_counter()
    train_pool(models, examples, RECIPE, [Rng(100 + i) for i in range(N_MODELS)], compute)
    torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    if not torch.cuda.is_available():
        say("no GPU")
        return
    data = load("mnist", cache=cache()).train
    chosen = torch.randperm(len(data), generator=Rng(0).torch())[:N_IMAGES]
    examples, compute = Examples.of(data.select(chosen)), Compute.choose("cuda")
    heading(f"{N_MODELS} LeNet-5, {N_IMAGES} images, one epoch", N_RUNS)
    ratios = []
    for _ in range(N_RUNS):
        apart, together = one_after_another(examples, compute), all_at_once(examples, compute)
        ratios.append(apart / together)
        say(f"one after another {apart:.1f} s, at once {together:.1f} s, ratio {ratios[-1]:.1f}")
    bar("one after another / at once", sorted(ratios)[N_RUNS // 2], 8)


if __name__ == "__main__":
    main()
