"""What the fixture `protection` offers: each check measures, compares, and fails in sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from arena.errors import ArenaError
from arena.game.match.steps.step_cache import Setting
from arena.game.sides.player import PlayerSpec
from arena.runs.regress.baseline import Baseline, read_baseline, write_baseline
from arena.runs.regress.cells import THREAT, Cell, Thief, measure
from arena.runs.regress.check import refuse_other_data
from arena.runs.regress.compare import LEVEL, check_power, compare
from arena.runs.regress.innocents import false_positives
from arena.runs.regress.subject import OwnedSubject
from arena.view.regress.regress_command import store
from arena.view.regress.words import caught, sentence_of, value_of
from arena.world.files.cache_folder import cache_folder
from arena.world.files.file_lock import hold, lock_of
from arena.world.json_values import Json

_UPDATE = "pytest --arena-update"


@dataclass(frozen=True)
class Terms:
    """On what terms is tested.

    Attributes:
        baseline: the file. n_seeds: how often each thief attacks. seed: root of the seeds; None is
            that of the subject. first_run: whether there was no baseline when the run began.
        update: whether what is stronger or new is accepted.
    """

    baseline: Path
    n_seeds: int
    seed: int | None
    first_run: bool
    update: bool


class UnderTest:
    """The protection under test."""

    def __init__(
        self, subject: OwnedSubject, terms: Terms, note: Callable[[str, object], None]
    ) -> None:
        self._subject, self._terms, self._note = subject, terms, note

    def survives(self, move: str, *, threat: str = THREAT, **settings: Json) -> None:
        """Fail unless the mark outlives a thief, and is no weaker than the baseline says.

        It outlives where the median verdict over seeds is a copy. Against the baseline, a cell is
        tested at the family-wise level divided by the number of cells (Bonferroni): each test runs
        on its own.

        Args:
            move: a thief of `arena list attackers`.
            threat: what it is granted.
            settings: of the move.
        """
        thief = Thief(moves=(PlayerSpec(name=move, settings=dict(settings)),), threat=threat)
        cell = self._measured(thief)
        self._note(f"arena {thief.name}", f"{value_of(cell)}, {caught(cell)}")
        level = self._subject.owned.about.defense.level
        if cell.median_p > level:
            _fail(
                f"{thief.name}: the mark does not outlive it: {caught(cell)} suspects are called "
                f"copies, {value_of(cell)}, median p {cell.median_p:.2g} where "
                f"{level:g} is asked. More: arena regress check"
            )
        self._held(cell)

    def false_positive_rate(
        self,
        *,
        max: float,
        innocents: int = 20,
        epochs: int = 30,
    ) -> None:
        """Fail where the key accuses more innocents than a rate explains, at level 0.001.

        Args:
            max: the rate in [0, 1].
            innocents: how many independent models are trained.
            epochs: how long each of them is.
        """
        setting = Setting(cache_folder())
        found = false_positives(self._subject, innocents, epochs, store(), setting)
        low, high = found.interval
        said = f"{found.accused} of {found.n} innocents are accused (95 %: {low:.3f} to {high:.3f})"
        self._note("arena false positives", said)
        p = found.p_of_at_most(max)
        if p <= LEVEL:
            _fail(f"{said}; a rate of {max:g} gives so many with p = {p:.2g} only")

    def _measured(self, thief: Thief) -> Cell:
        subject, terms = self._subject, self._terms
        setting = Setting(cache_folder())
        root = subject.record(setting).root if terms.seed is None else terms.seed
        try:
            return measure(subject, thief, root, store(), setting, terms.n_seeds)
        except ArenaError as error:
            _fail(f"{thief.name}: could not be measured: {error}")

    def _held(self, cell: Cell) -> None:
        terms = self._terms
        if terms.first_run:
            self._write(cell)
            _fail(
                f"{cell.thief.name}: there was no baseline, so this was written into "
                f"{terms.baseline.name}: {value_of(cell)}, {caught(cell)} caught. "
                "Look at it, commit it, and test again"
            )
        baseline = read_baseline(terms.baseline)
        refuse_other_data(baseline, self._subject)
        known = baseline.cell(cell.thief)
        if known is None and terms.update:
            self._write(cell)
            return
        before = () if known is None else (known,)
        n_cells = max(1, len(baseline.cells))
        check_power(len(cell.values), n_cells)
        (found,) = compare(before, (cell,), LEVEL / n_cells)
        if found.status == "stronger" and terms.update:
            self._write(cell)
        if found.status in ("weaker", "missing"):
            _fail(sentence_of(found, _UPDATE if known is None else "arena regress check"))

    def _write(self, cell: Cell) -> None:
        """Put a cell into the baseline; other workers wait."""
        path, subject = self._terms.baseline, self._subject
        with hold(lock_of(path)):
            if path.exists():
                known = read_baseline(path)
            else:
                record = subject.record(Setting(cache_folder()))
                known = Baseline.of(record, record.root, ())
            write_baseline(path, known.replaced(cell))


def _fail(sentence: str) -> NoReturn:
    pytest.fail(sentence, pytrace=False)
