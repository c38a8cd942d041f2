"""Independent models of a person's task: what a key must not accuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arena.game.match.steps.step_cache import Memo
from arena.game.rules.innocents import NEGATIVES, Accused, Half, is_innocent
from arena.runs.protect.order import Order
from arena.world.code_version import core_version
from arena.world.json_values import digest
from arena.world.models import Model, build, pack, unpack
from arena.world.rng import Rng
from arena.world.training import Examples, Progress, Trainer

PART = "model"


@dataclass(frozen=True)
class Innocent:
    """An independent model, and whose data it learnt from."""

    model: Model
    half: Half

    @property
    def kind(self) -> str:
        """Return what it is called in a report: Neg-1, Neg-2."""
        return NEGATIVES[self.half]


def halves(accused: Accused, n: int) -> Iterator[Half]:
    """Yield whose data each of n innocents learns from: in turn, as far as it is innocent then."""
    innocent: list[Half] = [half for half in _HALVES if is_innocent(half, accused)]
    for i in range(n):
        yield innocent[i % len(innocent)]


_HALVES: tuple[Half, ...] = ("owner", "other")


def train_innocent(
    order: Order, purpose: str, i: int, half: Half, memo: Memo, progress: Progress
) -> Innocent:
    """Return an innocent, from the memo where it was trained before."""
    card = order.model.card.model_copy(update={"resized": False})
    rng = Rng(0, ("innocent", purpose, half, str(i)))  # no secret: runs share them
    data = order.task.splits.owner if half == "owner" else order.task.splits.other
    name = digest(
        [
            "innocent",
            card.plain(),
            data.digest(),
            order.training.plain(),
            order.task.compute.precision,
            rng.integer(),
            core_version(),
        ]
    )
    found = memo.load(name, PART)
    if found is not None:
        return Innocent(unpack(found), half)
    model = build(card, rng.child("initial"))
    trainer = Trainer(order.task.compute, progress=progress)
    trainer.train(model, Examples.of(data), order.training, rng.child("training"))
    memo.save(name, {PART: pack(model)})
    return Innocent(model.to("cpu"), half)
