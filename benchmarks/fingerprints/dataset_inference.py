"""Whom dataset inference accuses: Neg-1, Neg-2, Neg-3 and an adversarially trained copy.

    python -m benchmarks.fingerprints.dataset_inference [--victims 2] [--quick] [shapes] [digits]

Owners of few images whose models learn them by heart. Suspects: the owner's model, models of the
same data with another seed (Neg-1: guilty of what is claimed), of as much other data (Neg-2) and of
another source (Neg-3), and its model fine-tuned or adversarially trained by a thief. Walks until
the true label flips, walks until the model's own one does, and descents by gradients judge the same
suspects. "Welch" counts whom the published test accuses at .01, "verdict" whom the scheme does,
which has six Neg-2 and two Neg-3 beside it. Bars, of each: Neg-1 is accused and Neg-2 is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from arena import testing
from arena.game.court.verdict import Verdict
from arena.game.match.grants import training_data
from arena.game.sides.attack import attacks
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from benchmarks.common import bar, heading, say

OWNERS: dict[str, dict[str, Json]] = {
    "shapes": {"owner": 0.01, "thief": 0.01, "calibration": 0.01, "probe": 0.4},
    "digits": {"owner": 0.1, "thief": 0.3, "calibration": 0.2, "probe": 0.8},
}
"""Data, and who has how much of it."""
WALK: dict[str, Json] = {"n_points": 200, "stride": 8.0, "n_steps": 12}
DESCENT: dict[str, Json] = {"n_points": 200, "stride": 20.0, "n_steps": 12}
WAYS = {
    "walk, true label": testing.spec("dataset-inference", **WALK),
    "walk, own label": testing.spec("dataset-inference", **WALK, labels="own"),
    "gradients": testing.spec("dataset-inference-mingd", **DESCENT),
}
MOVES = {
    "fine-tuned": testing.spec("ft-al"),
    "adv-trained": testing.spec("adversarial-training", eps=[0.1], step=0.02, iterations=10),
}
LEVEL = 0.01
N_EACH = 2  # reported models of the owner's data, and half of those of other data


@dataclass(frozen=True)
class Bench:
    """A task, and models of as many examples as the owner has, made without its model."""

    task: Task

    def independent(self, half: str, number: int) -> Model:
        """Return a model of that half of the data."""
        whole = training_data(self.task, half)  # type: ignore[arg-type]
        order = Rng(number).child("data").numpy().permutation(len(whole))
        chosen = torch.from_numpy(order[: len(self.task.splits.owner)])
        return testing.trained(self.task, whole.select(chosen), Rng(number))

    def nulls(self) -> list[Model]:
        """Return what verdicts are calibrated on."""
        halves = ["other"] * 6 + ["foreign"] * 2
        return [self.independent(half, 100 + i) for i, half in enumerate(halves)]

    def innocents(self) -> dict[str, list[Model]]:
        """Return who saw nothing of the owner's data, by kind."""
        neg2 = [self.independent("other", 200 + i) for i in range(2 * N_EACH)]
        return {"Neg-2": neg2, "Neg-3": [self.independent("foreign", 300)]}

    def guilty(self, victim: Model, seed: int) -> dict[str, list[Model]]:
        """Return who learnt from the owner's data, by kind."""
        again = [testing.trained(self.task, rng=Rng(seed + i + 1)) for i in range(N_EACH)]
        copies = {
            name: [testing.thief(self.task, victim.copy()).play(attacks.make(move), seed)]
            for name, move in MOVES.items()
        }
        return {"own model": [victim], "Neg-1": again, **copies}


def told(kind: str, verdicts: Sequence[Verdict]) -> str:
    """Return a line about the suspects of one kind."""
    known = [v for v in verdicts if not v.withheld]
    n_without = len(verdicts) - len(known)
    if not known:
        return f"  {kind:12s} {len(verdicts):3d}  no reference"
    gap = np.mean([v.statistic for v in known])
    welch = [float(str(v.figures["welch_p"])) for v in known]
    n_welch, n_accused = (sum(p <= LEVEL for p in ps) for ps in (welch, [v.p_value for v in known]))
    line = f"  {kind:12s} {len(verdicts):3d}  {gap:+.3f}  {np.median(welch):8.1e}  "
    line += f"{n_welch:2d} of {len(known):2d}     {n_accused:2d} of {len(known):2d}"
    return f"{line}  no reference {n_without}" if n_without else line


def judged(bench: Bench, n_victims: int) -> dict[str, dict[str, list[Verdict]]]:
    """Return the verdicts of each way on all suspects, by kind."""
    task, nulls, innocents = bench.task, bench.nulls(), bench.innocents()
    found: dict[str, dict[str, list[Verdict]]] = {way: {} for way in WAYS}
    for number in range(n_victims):
        seed = 10 + 10 * number
        victim = testing.trained(task, rng=Rng(seed))
        own, held_out = (
            task.compute.accuracy(victim, d.images, d.labels)
            for d in (task.splits.owner, task.splits.probe)
        )
        say(f"victim {number}: accuracy {own:.3f} on its data, {held_out:.3f} on held-out images")
        suspects = {**bench.guilty(victim, seed), **innocents}
        world = testing.owner_task(task, victim, nulls, seed, ["Neg-2"] * 6 + ["Neg-3"] * 2)
        for way, spec in WAYS.items():
            scheme: Defense = defenses.make(spec)
            key = scheme.protect(world, Rng(seed)).key
            for kind, models in suspects.items():
                found[way].setdefault(kind, []).extend(
                    scheme.verify(key, Suspect.bare(m, task.compute), Rng(0)) for m in models
                )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="*", default=list(OWNERS))
    parser.add_argument("--victims", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    n_victims = 1 if asked.quick else asked.victims
    for data in asked.data:
        table = {"data": data, "model": "mlp", "recipe": {"epochs": 30}, "shares": OWNERS[data]}
        bench = Bench(load_task(TaskSpec.model_validate(table)))
        n_own = len(bench.task.splits.owner)
        heading(f"dataset inference on {data}: {n_own} images, {n_victims} victims", 1)
        for way, kinds in judged(bench, n_victims).items():
            say(f"\n{way}\n  {'suspects':12s}   n  gap     median p  Welch <= .01  verdict <= .01")
            for kind, verdicts in kinds.items():
                say(told(kind, verdicts))
            neg1, neg2 = (
                float(np.mean([v.is_copy for v in kinds[kind]])) for kind in ("Neg-1", "Neg-2")
            )
            bar(f"{way}: share of Neg-1 accused", neg1, 0.5)
            bar(f"{way}: share of Neg-2 accused", neg2, 0.05, at_least=False)


if __name__ == "__main__":
    main()
