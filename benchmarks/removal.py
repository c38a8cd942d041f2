"""What is left of marks and fingerprints when their removal is tried, on digits.

    python -m benchmarks.removal [--epochs 8] [--nulls 6] [OWNER ...]

Each owner protects one victim; each thief takes the weights (or asks, for `retrain`) and plays with
the 405 images of its split. A cell is the copy's accuracy, the owner's statistic and its p-value
against twice so many independent models. Bars: every owner recognises its own model, and none of
three unseen innocents is accused at 1e-3.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from arena import testing
from arena.game.court.verdict import Verdict
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import Defense, Protected, defenses
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from benchmarks.common import bar, heading, say

OWNERS: dict[str, dict[str, Json]] = {
    "zhang": {},
    "ewe": {},
    "frontier-stitching": {},
    "blackmarks": {},
    "margin": {"n_triggers": 30},
    "cfw": {},
    "akh": {},
    "adv-tra": {},
    "ipguard": {"lr": 0.01, "n_steps": 200},
    "cem": {},
}
MOVES = ("ft-al", "wrk", "neural-cleanse", "removalnet", "retrain")
ASKS = ThreatModel(output="probabilities", data=1, own_architecture="cnn8")


def told(verdict: Verdict) -> str:
    """Return a verdict's statistic and p-value."""
    return f"{verdict.statistic:.2f} p={verdict.p_value:.0e}"


def played(task: Task, owner: Protected, name: str) -> tuple[Model, float]:
    """Return what a thief delivers, and its accuracy."""
    grants = ASKS if name == "retrain" else testing.WHITE_BOX
    thief = testing.thief(task, owner.model.copy(), grants)
    copy = thief.play(attacks.make(testing.spec(name)))
    return copy, thief.accuracy(copy)


def row(task: Task, scheme: Defense, owner: Protected, innocents: Sequence[Model]) -> None:
    """Print what an owner says of its own model, of each thief's and of innocents."""

    def judged(model: Model) -> Verdict:
        return scheme.verify(owner.key, Suspect.bare(model, task.compute), Rng(0))

    own = judged(owner.model)
    say(f"{scheme.name}: own model {told(own)}")
    for name in MOVES:
        copy, accuracy = played(task, owner, name)
        say(f"  {name:16s} accuracy {accuracy:.3f}, {told(judged(copy))}")
    found = [judged(innocent) for innocent in innocents]
    say(f"  {'innocents':16s} " + ", ".join(told(verdict) for verdict in found))
    bar(f"{scheme.name}: p of its own model", own.p_value, scheme.level, at_least=False)
    bar(f"{scheme.name}: least p of innocents", min(v.p_value for v in found), 1e-3)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("owners", nargs="*", default=list(OWNERS))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--nulls", type=int, default=6)
    asked = parser.parse_args(arguments)
    task = testing.task(epochs=asked.epochs)
    splits = task.splits
    halves = [splits.owner] * asked.nulls + [splits.other] * asked.nulls
    nulls = [testing.trained(task, half, Rng(100 + i)) for i, half in enumerate(halves)]
    innocents = [testing.trained(task, splits.other, Rng(200 + i)) for i in range(3)]
    world = testing.owner_task(task, testing.trained(task), nulls)
    heading("removal on digits", 1)
    for name in asked.owners:
        scheme = defenses.make(testing.spec(name, **OWNERS.get(name, {})))
        row(task, scheme, scheme.protect(world, Rng(4)), innocents)


if __name__ == "__main__":
    main()
