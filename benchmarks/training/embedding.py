"""What embedding a mark costs a training step, as a multiple of plain training.

    ARENA_DATA=<data> python -m benchmarks.training.embedding [--turns 15] [--threads 1]

LeNet-5 with batch normalisation on MNIST, batches of 64. In each turn every scheme and plain
training make the same few steps, one after the other, in an order that changes from turn to turn; a
scheme's ratio is the median over the turns of its time by plain training's in the same turn. What a
hook does once at the start is not a step's cost and is told apart; lottery trains as often as it
prunes, and a step of one training is what is timed. Bars: <= 1.5 for marks in weights and
activations, <= 2.2 for passports.

The published loops are not timed, for their code is not at hand.
`benchmarks.training.published_passports` is a port of what DeepIPR V1 and V2 do in a step; it is
compared with its own plain loop, and with our steps.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from arena.game.sides.defense import Defense, OwnerTask
from arena.game.sides.lab import Lab
from arena.world.data import Dataset, load
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.training import Examples, History, Hook, Recipe, Trainer
from benchmarks.common import bar, cache, heading, say
from benchmarks.training.published_passports import CARD, published
from defenders.passports.schemes import DeepIPR1, DeepIPR2, DeepIPR3, PassportAware
from defenders.weights.deepsigns import DeepSigns
from defenders.weights.greedy import Greedy
from defenders.weights.lottery import Lottery
from defenders.weights.riga import Riga
from defenders.weights.uchida import Uchida

N_IMAGES, N_STEPS = 6_400, 100  # of a turn; a multiple of the steps between two rounds of RIGA
RECIPE = Recipe(steps=N_STEPS + 1, batch=64)
WEIGHTS: tuple[Defense, ...] = (Uchida(), Riga(), Greedy(), Lottery(), DeepSigns())
PASSPORTS: tuple[Defense, ...] = (DeepIPR1(), DeepIPR2(), DeepIPR3(), PassportAware())
PLAIN = "plain"


@dataclass(frozen=True)
class Spy(Lab):
    """A laboratory that makes one step and keeps the hooks with which it was asked to train."""

    seen: list[Sequence[Hook]] = field(default_factory=list)

    def train(
        self,
        model: Model,
        examples: Examples,
        recipe: Recipe,
        rng: Rng,
        hooks: Sequence[Hook] = (),
    ) -> History:
        """Train for one step."""
        self.seen.append(hooks)
        return super().train(model, examples, recipe.but(steps=1), rng, hooks)


def hooks_of(scheme: Defense, data: Dataset) -> Sequence[Hook]:
    """Return what a scheme adds to the training of its victim."""
    spy, nulls = Spy(), [build(CARD, Rng(10 + i)) for i in range(4)]
    task = OwnerTask(
        data=data,
        probe=data,
        card=CARD,
        recipe=RECIPE,
        lab=spy,
        train_rng=Rng(1),
        unprotected=build(CARD, Rng(0)),
        null_models=lambda: nulls,
    )
    scheme.protect(task, Rng(2))
    return spy.seen[-1]


def timed(hooks: Sequence[Hook], examples: Examples) -> tuple[float, float]:
    """Train a fresh model; return seconds a step, and seconds until the first step was made."""
    stamps: list[float] = []
    trainer = Trainer(progress=lambda done, total: stamps.append(time.perf_counter()))
    model, begun = build(CARD, Rng(0)), time.perf_counter()
    trainer.train(model, examples, RECIPE, Rng(1), hooks)
    return (stamps[-1] - stamps[0]) / N_STEPS, stamps[0] - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    source = load("mnist", cache=cache())
    chosen = torch.randperm(len(source.train), generator=Rng(0).torch())[:N_IMAGES]
    data = source.train.select(chosen)
    examples = Examples.of(data)
    starts: dict[str, list[float]] = {}

    def marked(name: str, hooks: Sequence[Hook]) -> Callable[[], float]:
        def work() -> float:
            step_s, start_s = timed(hooks, examples)
            starts.setdefault(name, []).append(start_s)
            return step_s

        return work

    work = {PLAIN: marked(PLAIN, [])}
    work |= {s.name: marked(s.name, hooks_of(s, data)) for s in (*WEIGHTS, *PASSPORTS)}
    for version in (0, 1, 2):
        port = functools.partial(published, version, examples, RECIPE.batch, N_STEPS)
        work[f"port {version}"] = port
    heading(f"embedding, LeNet-5, batch {RECIPE.batch}, {N_STEPS} steps a turn", given.turns)
    say(f"{given.threads} threads")
    times = interleaved(work, given.turns)
    show(times, starts)


def interleaved(work: dict[str, Callable[[], float]], n_turns: int) -> dict[str, list[float]]:
    """Return the seconds a step of each piece of work in each turn, after one to warm up."""
    names = list(work)
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(n_turns + 1):
        for i in range(len(names)):
            name = names[(i + turn) % len(names)]
            taken = work[name]()
            if turn:
                times[name].append(taken)
    return times


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Return the median over the turns of one time by another."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def show(times: dict[str, list[float]], starts: dict[str, list[float]]) -> None:
    for name, taken in times.items():
        line = f"{name}: {statistics.median(taken) * 1e3:.2f} ms a step"
        if name in starts:
            line += f", {statistics.median(starts[name]) * 1e3:.0f} ms until the first is made"
        say(line)
    for schemes, most in ((WEIGHTS, 1.5), (PASSPORTS, 2.2)):
        for scheme in schemes:
            bar(f"{scheme.name} / plain", ratio(times, scheme.name, PLAIN), most, at_least=False)
    for version, ours in ((1, "deepipr-v1"), (2, "deepipr-v2")):
        name = f"port {version}"
        say(f"port of V{version}: {ratio(times, name, 'port 0'):.2f} times its own plain loop, "
            f"{ratio(times, name, ours):.2f} times our step")  # fmt: skip


if __name__ == "__main__":
    main()
