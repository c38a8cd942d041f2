"""How well each scheme hides: can a thief tell a marked model from an unmarked one by its weights?

    python -m benchmarks.stealth [--schemes uchida riga] [--shadows 12] [--targets 10]

On the digits. The thief knows the scheme and its settings, not the key. From data of its own it
trains shadow models, as many marked (a fresh key each) as unmarked, and fits a detector
(`benchmarks.stealth.detector`); its targets, which it has never seen, learned from the owner's
data: marked ones with fresh keys, and innocents. Every model has a seed of its own, and no target
is the twin of another. Printed is the area under the curve over all pairs of a marked and an
unmarked target, with its 95 % interval: 0.5 is perfectly hidden, 1 is seen by whoever looks.
`spread` asks only whether a layer's weights are spread wider than those of the unmarked shadows.
`found` counts the marked targets that their own key verifies: a mark that is not there is not
hidden.

Rows: `none` marks nothing and must be at chance; `uchida x 100` is Uchida's mark at 100 times the
strength that this scheme has by default.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

import defenders  # noqa: F401 - registers the schemes
from arena.game.court.statistics import area_interval, area_under
from arena.game.sides.defense import Defense, OwnerTask, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe
from benchmarks.common import heading, say
from benchmarks.stealth.detector import Detector, features, spread_scores, spreads

TASK = TaskSpec(model="cnn8", arguments={"norm": "batch"}, recipe=Recipe(epochs=30))
N_NULLS = 6  # for schemes that calibrate on null models
SCHEMES = {
    "none": PlayerSpec(name="none"),
    "uchida": PlayerSpec(name="uchida"),
    "uchida x 100": PlayerSpec(name="uchida", settings={"strength": 5.0}),
    **{
        name: PlayerSpec(name=name)
        for name in (
            "riga",
            "greedy",
            "lottery",
            "deepsigns",
            "deepsigns-blackbox",
            "deepipr-v1",
            "deepipr-v2",
            "deepipr-v3",
            "pan",
            "adi",
            "zhang",
        )
    },
}


@dataclass(frozen=True)
class Side:
    """Whose models these are, and what they learn from.

    Attributes:
        task: the task. data: what its models learn from. rng: of all of its models.
    """

    task: Task
    data: Dataset
    rng: Rng

    def unmarked(self, role: str, n: int) -> list[Model]:
        """Return models without a mark, each with a seed of its own."""
        return [self._trained(self.rng.child(role, i)) for i in range(n)]

    def _trained(self, rng: Rng) -> Model:
        lab = Lab(self.task.compute)
        model = lab.build(self.task.card, rng.child("initial"))
        lab.train(model, Examples.of(self.data), self.task.spec.recipe, rng.child("training"))
        return model

    def marked(self, scheme: Defense, bases: Sequence[Model]) -> tuple[list[Model], int]:
        """Return a marked model for each base, and how many of them their own key verifies."""
        models, n_found = [], 0
        for i, base in enumerate(bases):
            others = [bases[(i + 1 + j) % len(bases)] for j in range(N_NULLS)]
            protected = scheme.protect(self._owner(i, base, others), self.rng.child("key", i))
            suspect = Suspect.bare(protected.model, self.task.compute)
            verdict = scheme.verify(protected.key, suspect, self.rng.child("verify", i))
            models.append(protected.model)
            n_found += verdict.is_copy
        return models, n_found

    def _owner(self, i: int, base: Model, nulls: Sequence[Model]) -> OwnerTask:
        rng = self.rng.child("base", i)
        lab = Lab(self.task.compute)
        owner = OwnerTask.from_task(self.task, base, lab, rng, lambda: nulls)
        return replace(owner, data=self.data)


def rows(read: Callable[[Model], Tensor], models: Sequence[Model]) -> Tensor:
    """Return what is read of each model, a row each."""
    return torch.stack([read(model) for model in models])


def area(marked: Tensor, innocent: Tensor) -> str:
    """Return the area under the curve of scores, with its interval."""
    found = area_under(marked.tolist(), innocent.tolist())
    low, high = area_interval(found, len(marked), len(innocent))
    return f"{found:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=list(SCHEMES))
    parser.add_argument("--shadows", type=int, default=12, help="marked, and unmarked")
    parser.add_argument("--targets", type=int, default=10, help="marked, and unmarked")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = load_task(TASK)
    thief = Side(task, task.splits.thief, Rng(0).child("thief"))
    owner = Side(task, task.splits.owner, Rng(0).child("owner"))
    heading(f"stealth: {options.shadows} + {options.shadows} shadows, "
            f"{options.targets} + {options.targets} targets", 1)  # fmt: skip
    shadows = thief.unmarked("base", options.shadows)
    bases = owner.unmarked("base", options.targets)
    innocents = owner.unmarked("innocent", options.targets)
    say(f"{'scheme':20} {'perceptron: area':22} {'spread: area':22} found")
    for name in options.schemes:
        scheme = defenses.make(SCHEMES[name])
        known, _ = thief.marked(scheme, shadows)
        targets, n_found = owner.marked(scheme, bases)
        detector = Detector.fitted(rows(features, known), rows(features, shadows), Rng(1))
        seen = area(*(detector.scores(rows(features, kind)) for kind in (targets, innocents)))
        plain = rows(spreads, shadows)
        wide = area(*(spread_scores(rows(spreads, kind), plain) for kind in (targets, innocents)))
        say(f"{name:20} {seen:22} {wide:22} {n_found}/{len(targets)}")


if __name__ == "__main__":
    main()
