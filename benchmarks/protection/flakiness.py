"""How often `arena regress check` is wrong: on a model that did not change, and on a weaker mark.

    python -m benchmarks.protection.flakiness [--first 0] [--keys 10] [--checks 20] [--weaker 5]

On the digits and a small MLP, with the mark of Uchida et al. For each of so many keys a model is
marked as `arena protect` does, and a baseline recorded with the thieves that `arena regress record`
has by default, their fine-tuning cut short. Then it is checked with fresh seeds each time: the
model as it is, and the same model with its mark halved, its weights half way back to those before
it was marked. Asked for are at most 2 failures of 200 checks in the first case, and at least 95 %
in the second.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from arena.game.court.statistics import proportion_interval
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sides.player import PlayerSpec
from arena.runs.protect.files import owned
from arena.runs.protect.order import Order, Protection
from arena.runs.protect.protect import protect
from arena.runs.regress.baseline import Baseline
from arena.runs.regress.cells import Thief
from arena.runs.regress.check import check, record
from arena.runs.regress.compare import LEVEL
from arena.runs.regress.subject import OwnedSubject
from arena.view.regress.regress_command import USUAL, thief_of
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from benchmarks.common import heading, say

_SEEDS = 8
_MOST_ALARMS, _LEAST_FOUND = 0.01, 0.95
_SHORT = {"prune": " epochs=0", "ft-al": " epochs=1"}


def thieves() -> list[Thief]:
    """Return the usual thieves; pruning does not fine-tune, and fine-tuning takes one epoch."""
    texts = [text + _SHORT.get(text.split()[0], "") for text in USUAL]
    return [thief_of(text, "whitebox_third") for text in texts]


def marked_by(key: int) -> tuple[Order, Protection]:
    """Return a model of the digits that was marked with a key of its own."""
    task = load_task(TaskSpec(model="mlp", recipe=Recipe(epochs=10)))
    model, rng = build(task.card, Rng(key).child("initial")), Rng(key).child("training")
    Trainer().train(model, Examples.of(task.splits.owner), task.spec.recipe, rng)
    order = Order(
        model=model,
        task=task,
        scheme=PlayerSpec(name="uchida"),
        seed=(1 << 100) + key,
        epochs=(10, 30),
        innocents=0,
    )
    return order, protect(order, MemoryMemo(), Setting(), lambda stage: None)


def halved(before: Model, marked: Model) -> Model:
    """Return the model half way between two."""
    made, old = marked.copy(), before.state_dict()
    mixed = {
        name: (tensor + old[name]) / 2 if tensor.is_floating_point() else tensor
        for name, tensor in marked.state_dict().items()
    }
    made.load_state_dict(mixed)
    return made


def failures(baseline: Baseline, subject: OwnedSubject, roots: Sequence[int]) -> int:
    """Return how many of so many checks with fresh seeds fail."""
    failed = 0
    for root in roots:
        found = check(baseline, subject, root, MemoryMemo(), lambda stage: None)
        failed += any(one.status != "held" and one.status != "stronger" for one in found)
    return failed


def trial(key: int, n_checks: int, n_weaker: int) -> tuple[int, int]:
    """Return how many checks of one key's model fail: as it is, and with its mark halved."""
    order, made = marked_by(key)
    marked = made.protected.model
    subject = OwnedSubject.of(marked, owned(made), "digits")
    weaker = OwnedSubject.of(halved(order.model, marked), owned(made), "digits")
    root = 1000 * (key + 1)
    baseline = record(subject, thieves(), root, _SEEDS, MemoryMemo(), lambda stage: None)
    fresh = range(root + 1, root + 1 + n_checks)
    return failures(baseline, subject, fresh), failures(baseline, weaker, fresh[:n_weaker])


def main() -> None:
    """Measure, and print both shares with their intervals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first key's number")
    parser.add_argument("--checks", type=int, default=20, help="of each model as it is")
    parser.add_argument("--weaker", type=int, default=5, help="of each model with half a mark")
    parser.add_argument("--jobs", type=int, default=2)
    said = parser.parse_args()
    heading(f"arena regress check, level {LEVEL:g}, {_SEEDS} seeds a thief", said.checks)
    say("thieves: " + ", ".join(thief.name for thief in thieves()))
    alarms = found = 0
    with ProcessPoolExecutor(said.jobs, multiprocessing.get_context("spawn")) as pool:
        work = partial(trial, n_checks=said.checks, n_weaker=said.weaker)
        keys = range(said.first, said.first + said.keys)
        for n, (key, (alarm, caught)) in enumerate(zip(keys, pool.map(work, keys), strict=True), 1):
            alarms, found = alarms + alarm, found + caught
            say(
                f"key {key}: unchanged {alarm} of {said.checks} fail, halved {caught} of "
                f"{said.weaker}; so far {alarms} of {said.checks * n} and {found} of "
                f"{said.weaker * n}"
            )
    n_checks, n_weaker = said.keys * said.checks, said.keys * said.weaker
    _judge(
        "unchanged",
        alarms,
        n_checks,
        alarms <= _MOST_ALARMS * n_checks,
        f"at most {_MOST_ALARMS:.0%}",
    )
    _judge(
        "mark halved",
        found,
        n_weaker,
        found >= _LEAST_FOUND * n_weaker,
        f"at least {_LEAST_FOUND:.0%}",
    )


def _judge(what: str, failed: int, n: int, reached: bool, asked: str) -> None:
    low, high = proportion_interval(failed, n)
    verdict = "reached" if reached else "NOT reached"
    say(f"{what}: {failed} of {n} checks fail ({low:.3f} to {high:.3f}), asked {asked}: {verdict}")


if __name__ == "__main__":
    main()
