"""Measuring a protection, and holding it against its baseline."""

from __future__ import annotations

from collections.abc import Sequence

from arena.errors import BaselineError
from arena.game.match.steps.step_cache import Memo, Setting
from arena.runs.judge.judge import Milestone
from arena.runs.protect.protect import Hear
from arena.runs.regress.baseline import Baseline
from arena.runs.regress.cells import Cell, Thief, measure
from arena.runs.regress.compare import LEVEL, Compared, check_power, compare
from arena.runs.regress.subject import Subject


def measure_all(
    subject: Subject, thieves: Sequence[Thief], root: int, n_seeds: int, memo: Memo, hear: Hear
) -> tuple[Cell, ...]:
    """Measure what every thief does; raises like `measure`.

    Raises:
        BaselineError: so few seeds that nothing could be told, or more than the test can take.
    """
    check_power(n_seeds, len(thieves))
    cells = []
    for i, thief in enumerate(thieves):
        hear(Milestone(f"attack with {thief.name}", i, len(thieves)))
        cells.append(measure(subject, thief, root, memo, Setting(), n_seeds))
    return tuple(cells)


def record(
    subject: Subject, thieves: Sequence[Thief], root: int, n_seeds: int, memo: Memo, hear: Hear
) -> Baseline:
    """Return the baseline of a protection; raises like `measure_all`."""
    cells = measure_all(subject, thieves, root, n_seeds, memo, hear)
    return Baseline.of(subject.record(Setting()), root, cells)


def check(
    baseline: Baseline,
    subject: Subject,
    root: int,
    memo: Memo,
    hear: Hear,
    others: Sequence[Thief] = (),
) -> tuple[Compared, ...]:
    """Measure every thief of a baseline again, with seeds of its own, and compare.

    Args:
        baseline: what was.
        subject: what is measured.
        root: of the seeds.
        memo: keeps what was measured.
        hear: told of each thief.
        others: further thieves, which the baseline should know.

    Raises:
        BaselineError: the data are others, so that nothing can be compared. StepFailed: a thief
            could not be played.
    """
    refuse_other_data(baseline, subject)
    known = [cell.thief for cell in baseline.cells]
    thieves = [*known, *(thief for thief in others if thief not in known)]
    n_seeds = max((len(cell.values) for cell in baseline.cells), default=2)
    now = measure_all(subject, thieves, root, n_seeds, memo, hear)
    return compare(baseline.cells, now, LEVEL)


def refuse_other_data(baseline: Baseline, subject: Subject) -> None:
    """Refuse to compare with what was measured on other data, or of another scheme.

    Raises:
        BaselineError: the data or the scheme differ.
    """
    known, now = baseline.subject, subject.record(Setting())
    if known.data_sha256 != now.data_sha256:
        raise BaselineError(
            f"expected the data of the baseline ({known.data}, {known.data_sha256[:12]}), found "
            f"others ({now.data}, {now.data_sha256[:12]}); record a new baseline"
        )
    if known.scheme != now.scheme:
        raise BaselineError(
            f"expected a key of {known.scheme} as in the baseline, found one of {now.scheme}; "
            "record a new baseline"
        )
