"""How accurate copies by queries are: against altered answers, and without data against queries.

    python -m benchmarks.extraction [answers] [queries] [--epochs 30] [--moves MOVE ...]

`answers`: thieves with 405 unlabelled digits against interfaces that alter their answers; `d-dae`
and `partial-bayes` know which alteration an owner uses, and do not play where there is none.
Bar: a copy by classes alone is as good as against the honest interface where the class is kept.
`queries`: the accuracy of copies without data, each number of queries from the beginning. Bar: more
queries make better copies.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from benchmarks.common import bar, heading, say

RECOVERIES = ("d-dae", "partial-bayes")
MOVES = (
    *("retrain", "label-only", "smooth-retrain", "distill", "double-extraction"),
    *RECOVERIES,
)
ALTERATIONS: dict[str, dict[str, Json]] = {
    "mad, class kept": {"against": "mad-class-kept", "eps": 1.0},
    "mad": {"against": "mad", "eps": 1.5},
    "modelguard": {"against": "modelguard", "eps": 1.0},
    "one decimal": {"against": "rounding"},
}
"""What whoever recovers answers knows of each interface."""
OWNERS = {
    "honest": testing.spec("akh"),
    "mad, class kept": testing.spec("mad", eps=1.0),
    "mad": testing.spec("mad", eps=1.5, keep_class=False),
    "modelguard": testing.spec("modelguard", eps=1.0),
    "one decimal": testing.spec("coarse-answers"),
    "class alone": testing.spec("coarse-answers", keeps="class"),
}
QUERIES = (1_000, 5_000, 20_000)


def copied(
    task: Task, victim: Model, serving: tuple[Wrapper, ...], move: PlayerSpec, data: float
) -> float:
    """Return the accuracy of what a thief with a share of its data delivers."""
    grants = ThreatModel(output="probabilities", data=data, own_architecture="cnn8")
    gate = replace(testing.gatekeeper(task, victim.copy(), grants), serving=serving)
    thief = testing.Thief(gate, testing.access(task, gate), task)
    return thief.accuracy(thief.play(attacks.make(move)))


def answers(task: Task, victim: Model, moves: Sequence[str]) -> None:
    """Print the accuracy of each thief against each interface."""
    say(f"{'interface':16s} " + " ".join(f"{move:>17s}" for move in moves))
    world, reached = testing.owner_task(task, victim), {}
    for title, owner in OWNERS.items():
        protected = defenses.make(owner).protect(world, Rng(0))
        row = {}
        for move in moves:
            known = ALTERATIONS.get(title, {}) if move in RECOVERIES else {}
            if known or move not in RECOVERIES:
                spec = testing.spec(move, **known)
                row[move] = copied(task, protected.model, protected.serving, spec, 1.0)
        told = [f"{row[move]:17.3f}" if move in row else f"{'-':>17s}" for move in moves]
        say(f"{title:16s} " + " ".join(told))
        reached[title] = row.get("label-only", 0.0)
    if "label-only" in moves:
        kept = min(value for title, value in reached.items() if title != "mad")
        bar("classes alone, the class kept", kept, reached["honest"] - 0.03)


def queries(task: Task, victim: Model, moves: Sequence[str]) -> None:
    """Print the accuracy of copies without data by their queries; other moves say nothing."""
    for name in ("dfme", "maze"):
        row = [
            copied(task, victim, (), testing.spec(name, n_queries=n, batch=64), 0.0)
            for n in QUERIES
        ]
        told = ", ".join(f"{n:,}: {value:.3f}" for n, value in zip(QUERIES, row, strict=True))
        say(f"{name}: {told}")
        bar(f"{name}: what more queries add", row[-1] - row[0], 0.1)


PARTS = {"answers": answers, "queries": queries}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--moves", nargs="*", default=list(MOVES))
    asked = parser.parse_args(arguments)
    task = testing.task(epochs=asked.epochs)
    victim = testing.trained(task)
    for part in asked.parts:
        heading(f"extraction on digits: {part}", 1)
        PARTS[part](task, victim, asked.moves)


if __name__ == "__main__":
    main()
