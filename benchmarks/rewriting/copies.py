"""Does the aligned reader find bits in a copy by queries? `python -m benchmarks.rewriting.copies`.

    [--victims 4] [--innocents 12] [--epochs 20] [--data digits] [--model cnn8]

An owner marks each victim by Uchida's scheme and reads suspects aligned. Suspects are copies by
queries (`retrain` asks with the thief's images, `knockoff` with abstract ones) of the victim, the
same copies of its unmarked twin, which learnt from the same data in the same order, and innocents.
Copies of the twin never saw a bit: what is read in them is read by the likeness of functions alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arena import testing
from arena.game.court.statistics import proportion_interval
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.suspect import Suspect
from arena.world.data import load
from arena.world.data.resize import resized
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from benchmarks.common import heading, say

N_NULLS = 6
ASKS = ThreatModel(output="probabilities", data=1, architecture=True, pool="shapes")
MOVES = {"retrain": testing.spec("retrain"), "knockoff": testing.spec("knockoff", n_queries=2000)}


@dataclass(frozen=True)
class Reading:
    """What one suspect shows: p, bit errors after alignment, and how alike its units are."""

    kind: str
    p: float
    errors: float
    likeness: float


def copied(task: Task, source: Model, move: str, seed: int) -> Model:
    """Return a copy of a model by queries."""
    pool = resized(load("shapes").train, task.card.input_shape)
    thief = testing.thief(task, source.copy(), ASKS, pool=pool)
    return thief.play(attacks.make(MOVES[move]), seed)


def read(scheme: Defense, key: Key, model: Model, task: Task, kind: str) -> Reading:
    """Return what a model shows under a key."""
    verdict = scheme.examine(key, Suspect.bare(model, task.compute), Rng(0))
    return Reading(
        kind, verdict.p_value, float(verdict.statistic), float(verdict.figures["align/likeness"])
    )


def readings(task: Task, n_victims: int, n_innocents: int) -> Iterator[Reading]:
    """Yield what copies of victims, copies of their twins and innocents show."""
    nulls = [testing.trained(task, rng=Rng(500 + i)) for i in range(N_NULLS)]
    innocents = [testing.trained(task, rng=Rng(1000 + i)) for i in range(n_innocents)]
    scheme = defenses.make(testing.spec("uchida", verifier="aligned"))
    for seed in range(10, 10 + n_victims):
        twin = testing.trained(task, rng=Rng(seed))
        owner = scheme.protect(testing.owner_task(task, twin, nulls, seed=seed), Rng(seed))
        yield read(scheme, owner.key, owner.model, task, "the victim")
        for i, move in enumerate(MOVES):
            for source, name in ((owner.model, "the victim"), (twin, "its unmarked twin")):
                copy = copied(task, source, move, 10 * seed + i)
                yield read(scheme, owner.key, copy, task, f"{move} of {name}")
        yield read(scheme, owner.key, twin, task, "the unmarked twin")
        for innocent in innocents:
            yield read(scheme, owner.key, innocent, task, "innocents")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each kind of suspect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--victims", type=int, default=4)
    parser.add_argument("--innocents", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--model", default="cnn8")
    asked = parser.parse_args(arguments)
    task = testing.task(asked.data, asked.model, asked.epochs)
    heading(f"bits read aligned in copies by queries, {asked.data}", asked.victims)
    found = list(readings(task, asked.victims, asked.innocents))
    for kind in dict.fromkeys(reading.kind for reading in found):
        mine = [reading for reading in found if reading.kind == kind]
        caught = sum(reading.p <= 0.01 for reading in mine)
        low, high = proportion_interval(caught, len(mine))
        errors = np.mean([reading.errors for reading in mine])
        least = min(reading.p for reading in mine)
        alike = np.mean([reading.likeness for reading in mine])
        say(
            f"{kind:34s} caught {caught} of {len(mine)} ({low:.2f} to {high:.2f}), least p "
            f"{least:.1e}, bit errors {errors:.3f}, likeness {alike:.2f}"
        )


if __name__ == "__main__":
    main()
