"""How long a DCGAN trains, and how good its images are: `python -m benchmarks.generator`.

Trains the generator of `scenarios/generators.toml` on the owner's split of the digits, on one
thread, once for each seed, and measures it with the referee's Frechet score (0 noise, 1 real
images). Prints seconds, score and the score of the generator before training; the target is 60 s of
one core. `--data`, `--epochs`, `--width` and `--seeds` change what is trained.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from arena.game.match.utility import bare_utility
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from benchmarks.common import say

TARGET_S = 60


def yardstick(task: Task) -> Model:
    """Return the classifier that the referee measures with, trained as it trains it."""
    spec = task.kind.yardstick(task.spec)
    assert spec is not None
    measured = load_task(spec)
    model = build(measured.card, Rng(0, ("yardstick", "initial")))
    own = Examples.of(measured.splits.calibration)
    Trainer().train(model, own, spec.recipe, Rng(0, ("yardstick", "training")))
    return model


def main() -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(epochs=options.epochs, lr=options.lr)
    arguments = {"width": options.width}
    task = load_task(TaskSpec(data=options.data, model="dcgan", arguments=arguments, recipe=recipe))
    exam = task.exam(yardstick(task))
    seconds, scores = [], []
    for seed in range(options.seeds):
        model = build(task.card, Rng(seed).child("initial"))
        before, started = bare_utility(task, exam, model), time.process_time()
        Trainer().train(model, Examples.of(task.splits.owner), recipe, Rng(seed).child("training"))
        seconds.append(time.process_time() - started)
        scores.append(bare_utility(task, exam, model))
        say(f"seed {seed}: {seconds[-1]:.1f} s of CPU, score {before:.3f} -> {scores[-1]:.3f}")
    say(
        f"{task.card.title} on {options.data}, {options.epochs} epochs, n = {options.seeds}: "
        f"median {statistics.median(seconds):.1f} s of CPU (target {TARGET_S}), scores "
        f"{min(scores):.3f} to {max(scores):.3f}"
    )


if __name__ == "__main__":
    main()
