"""The search for a mark that takes: the scheme's own strength first, the fewest epochs first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from arena.errors import NotTaken
from arena.game.rules.meters import Meters
from arena.game.sides.defense import Defense, OwnerTask, Protected, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial, PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.runs.protect.order import Attempt, Limits, Order
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Progress

Hear = Callable[[str, int, int], None]
"""Told of each attempt as it begins: what it is, how many are done, how many there are at most."""


@dataclass(frozen=True)
class Chosen:
    """What a search found.

    Attributes:
        scheme: with the strength that took. protected: the model and its key.
        attempts: all that was tried, the last of which took.
    """

    scheme: PlayerSpec
    protected: Protected
    attempts: tuple[Attempt, ...]


def search(order: Order, nulls: Sequence[Model], hear: Hear, progress: Progress) -> Chosen:
    """Return the first protection that takes, and every attempt.

    Utility is measured on the probe split: neither training nor the report uses it.

    Raises:
        NotTaken: none does, with what was tried. PlayerError: the scheme cannot protect this model.
    """
    tried: list[Attempt] = []
    plan = list(_plan(order))
    for i, (scheme, epochs) in enumerate(plan):
        if not _worth_trying(_strength(scheme), epochs, tried, order.limits):
            continue
        hear(_title(order, scheme, epochs), i, len(plan))
        protected = _protected(order, scheme, epochs, nulls, progress)
        tried.append(_examined(order, scheme, epochs, protected))
        if tried[-1].taken:
            return Chosen(_as_used(order.scheme, scheme), protected, tuple(tried))
    raise NotTaken(_sentence(order), map(str, tried))


def _as_used(asked: PlayerSpec, scheme: Defense) -> PlayerSpec:
    """Return what was asked for, with the strength of a scheme where it is another."""
    dial = scheme.dial
    if dial is None or scheme == defenses.make(asked):
        return asked
    turned = {dial.field: scheme.settings()[dial.field]}
    return PlayerSpec(name=asked.name, settings={**asked.settings, **turned})


def _plan(order: Order) -> Iterator[tuple[Defense, int]]:
    """Yield what to try: a fingerprint once, a mark in several strengths for several epochs."""
    scheme = defenses.make(order.scheme)
    if not scheme.invasive:
        yield scheme, 0
        return
    for epochs in order.epochs:
        for stronger in _strengths(scheme, order.scheme.settings):
            yield stronger, epochs


def _strengths(scheme: Defense, said: Mapping[str, object]) -> Iterator[Defense]:
    """Yield the scheme as it is, then harsher, then milder; as it is alone where it was said so."""
    yield scheme
    dial = scheme.dial
    if dial is None or dial.field in said:
        return
    usual = min(1.0, max(0.0, position(dial, float(getattr(scheme, dial.field)))))
    for strength in ((usual + 1) / 2, 1.0, usual / 2):
        yield scheme.at(strength)


def position(dial: Dial, value: float) -> float:
    """Return the strength at which a dial has a value.

    >>> position(Dial("strength", 0.01, 1.0, "log"), 0.1)
    0.5
    """
    if dial.scale == "log":
        return math.log(value / dial.low) / math.log(dial.high / dial.low)
    return (value - dial.low) / (dial.high - dial.low)


def _worth_trying(strength: float, epochs: int, tried: Sequence[Attempt], limits: Limits) -> bool:
    """Say whether no attempt of as many epochs has shown that this one fails as well.

    A weaker mark than one that did not verify will not, and a stronger one than one that cost too
    much will cost as much; the same mark is the same again.
    """
    for attempt in tried:
        if attempt.epochs != epochs:
            continue
        if math.isclose(strength, attempt.strength):
            return False
        too_dear = attempt.loss > limits.max_loss
        too_weak = not attempt.taken and (not too_dear or attempt.p_value > limits.p_value)
        if (too_weak and strength < attempt.strength) or (too_dear and strength > attempt.strength):
            return False
    return True


def _protected(
    order: Order, scheme: Defense, epochs: int, nulls: Sequence[Model], progress: Progress
) -> Protected:
    """Let the scheme protect a copy of the model; every attempt draws the same key."""
    root = Rng(order.seed, ("protect",))
    lab = Lab(order.task.compute, Meters(), progress)
    owner = OwnerTask.from_task(order.task, order.model, lab, root.child("owner"), lambda: nulls)
    recipe = order.fine_tuning.but(epochs=epochs)
    owner = dataclasses.replace(owner, recipe=recipe, marks_base=True)
    return scheme.protect(owner, root.child("key"))


def _examined(order: Order, scheme: Defense, epochs: int, protected: Protected) -> Attempt:
    compute, limits = order.task.compute, order.limits
    suspect = Suspect.bare(protected.model, compute)
    verdict = scheme.verify(protected.key, suspect, Rng(order.seed, ("protect", "verify")))
    loss = validation_loss(order, protected.model) if scheme.invasive else 0.0
    wanted = limits.p_value if scheme.invasive else scheme.level
    taken = verdict.is_copy and verdict.p_value <= wanted and loss <= limits.max_loss
    return Attempt(
        dial="" if scheme.dial is None else scheme.dial.field,
        strength=_strength(scheme),
        epochs=epochs,
        p_value=verdict.p_value,
        loss=loss,
        taken=taken,
        reason=verdict.reason,
    )


def validation_loss(order: Order, marked: Model) -> float:
    """Return how much utility a marked model lost, on the probe split."""
    task = order.task
    exam = task.exam(data=task.splits.probe)
    before, after = (
        exam.utility(task.serve(model, exam.inputs)) for model in (order.model, marked)
    )
    return before - after


def _strength(scheme: Defense) -> float:
    return 0.0 if scheme.dial is None else float(getattr(scheme, scheme.dial.field))


def _title(order: Order, scheme: Defense, epochs: int) -> str:
    name = order.scheme.name
    if not scheme.invasive:
        return f"take the fingerprint with {name}"
    if scheme.dial is None:
        return f"mark with {name}, {epochs} epochs"
    return f"mark with {name}, {scheme.dial.field} = {_strength(scheme):.4g}, {epochs} epochs"


def _sentence(order: Order) -> str:
    limits, name = order.limits, order.scheme.name
    if not defenses.find(name).invasive:
        return (
            f"the fingerprint did not take: {name} does not recognise the model that it was taken "
            "of; try more innocents, other settings, or another scheme"
        )
    return (
        f"the mark did not take: expected {name} to verify at p <= {limits.p_value:g} with a loss "
        f"of at most {limits.max_loss:g}, found no strength that does; nothing was written. Try "
        "more epochs, a larger --max-loss or --p, or another scheme"
    )
