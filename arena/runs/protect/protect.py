"""Protecting a model: the search for a mark that takes, then what an honest report says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from arena.errors import ModelError
from arena.game.court.paired import paired_difference
from arena.game.court.verdict import Verdict
from arena.game.match.steps.step_cache import Memo, Setting
from arena.game.sides.defense import Defense, Protected, defenses
from arena.game.sides.needs import NULLS, Offer, unmet
from arena.game.sides.suspect import Suspect
from arena.runs.judge.door import check_knows
from arena.runs.judge.judge import Milestone
from arena.runs.protect.innocents import Innocent, halves, train_innocent
from arena.runs.protect.order import Fidelity, InnocentReading, Order, Protection, Report
from arena.runs.protect.search import search
from arena.world.models import Model
from arena.world.one_thread import one_thread
from arena.world.rng import Rng

Hear = Callable[[Milestone], None]
"""Told of each stage as it begins."""


def protect(order: Order, memo: Memo, setting: Setting, hear: Hear) -> Protection:
    """Protect a model, try the key on it, on what it was, and on innocents.

    Args:
        order: what is asked for.
        memo: keeps the innocents, so that the next attempt need not train them again.
        setting: who hears of progress within a stage.
        hear: who hears of stages.

    Raises:
        NotTaken: no attempt took, with what was tried.
        ModelError: the model is useless on the data, or the scheme does not suit it.
    """
    scheme = defenses.make(order.scheme)
    check_fit(order, scheme)
    check_useful(order)
    with one_thread():
        return _protect(order, scheme, memo, setting, hear)


def _protect(order: Order, scheme: Defense, memo: Memo, setting: Setting, hear: Hear) -> Protection:
    needed = order.innocents if NULLS in scheme.needs_of_task else 0
    n_stages = needed + order.innocents + 2

    def trained(purpose: str, n: int, begun: int) -> Iterator[Innocent]:
        for i, half in enumerate(halves(scheme.accuses, n)):
            hear(Milestone(f"train innocent {i + 1} of {n} ({purpose})", begun + i, n_stages))
            yield train_innocent(order, purpose, i, half, memo, setting.progress)

    nulls = [innocent.model for innocent in trained("calibration", needed, 0)]

    def tell(title: str, n_done: int, n_total: int) -> None:
        hear(Milestone(f"{title} (attempt {n_done + 1} of {n_total})", needed, n_stages))

    chosen = search(order, nulls, tell, setting.progress)
    scheme, protected = defenses.make(chosen.scheme), chosen.protected
    take_back_counters(protected.model, order.model)
    others = list(trained("reporting", order.innocents, needed + 1))
    hear(Milestone("measure", n_stages - 1, n_stages))
    marked = _verdict(order, scheme, protected, protected.model)
    before = _verdict(order, scheme, protected, order.model) if scheme.invasive else None
    report = Report(
        scheme=chosen.scheme,
        level=scheme.level,
        marked_p=marked.p_value,
        unmarked_p=None if before is None else before.p_value,
        innocents=tuple(_reading(order, scheme, protected, other) for other in others),
        fidelity=fidelity(order, protected.model),
        attempts=chosen.attempts,
        model=protected.model.digest(),
        commitment=protected.key.commitment(),
        data=order.task.spec.data,
        data_sha256=order.task.splits.owner.digest(),
    )
    return Protection(protected, report)


def check_fit(order: Order, scheme: Defense) -> None:
    """Refuse a scheme that cannot play on this model, before anything is trained.

    Raises:
        ModelError: with what is missing.
    """
    problems: Sequence[str] = list(unmet(scheme, Offer(order.model.card, order.innocents)))
    if scheme.control:
        problems = [f"{order.scheme.name!r} protects nothing; choose a scheme that does"]
    if scheme.reads_log or scheme.answers_for:
        problems = [
            f"{order.scheme.name!r} acts on answers, not on models: it needs the interface that "
            "your model answers through; play it in a scenario, or choose another scheme"
        ]
    if problems:
        raise ModelError("; ".join(problems))


def check_useful(order: Order) -> None:
    """Refuse a model that is hardly better than chance: its inputs are then not what it expects.

    Raises:
        ModelError: with the likely causes.
    """
    task = order.task
    problem = task.kind.mismatch(order.model.card, task.card)
    if problem:
        raise ModelError(f"the model is not one for {task.spec.data}: {problem}")
    check_knows(order.model, task)


def take_back_counters(marked: Model, own: Model) -> None:
    """Let a marked model count as many batches as before: a graph of ONNX has no place for them.

    Nothing that the model answers depends on them; other whole numbers are left as they are.
    """
    before = own.state_dict()
    for name, value in marked.state_dict().items():
        if name.endswith(".num_batches_tracked") and name in before:
            value.copy_(before[name])


def _verdict(order: Order, scheme: Defense, protected: Protected, model: Model) -> Verdict:
    suspect = Suspect.bare(model, order.task.compute)
    return scheme.verify(protected.key, suspect, Rng(order.seed, ("protect", "verify")))


def _reading(
    order: Order, scheme: Defense, protected: Protected, innocent: Innocent
) -> InnocentReading:
    verdict, exam = _verdict(order, scheme, protected, innocent.model), order.task.exam()
    return InnocentReading(
        kind=innocent.kind,
        utility=exam.utility(order.task.serve(innocent.model, exam.inputs)),
        p_value=verdict.p_value,
        accused=verdict.is_copy,
    )


def fidelity(order: Order, marked: Model) -> Fidelity:
    """Return what protection cost on the test split, with its interval where that can be told."""
    task = order.task
    exam = task.exam()
    mine, its = (task.serve(model, exam.inputs) for model in (order.model, marked))
    before, after = exam.utility(mine), exam.utility(its)
    right, still = exam.each(mine), exam.each(its)
    if right is None or still is None:
        return Fidelity(before=before, after=after, loss=before - after)
    lost, won = int((right & ~still).sum()), int((~right & still).sum())
    loss, low, high = paired_difference(lost, won, len(right))
    return Fidelity(before=before, after=after, loss=loss, low=low, high=high)
