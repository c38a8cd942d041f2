"""The results of a tournament as plain numbers, read from its ledger: the source of every view."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arena.errors import StoreError, did_you_mean
from arena.game.court.clusters import clustered_interval
from arena.game.court.reference import SAME
from arena.game.court.statistics import proportion_interval, true_rate_at
from arena.game.match.play import Pools
from arena.game.match.rows import InnocentRow, RoundRow
from arena.runs.bench.scores import FPR
from arena.runs.ledger import LEDGER, Ledger
from arena.runs.reading import reading
from arena.runs.scenario import MAX_LOSS, Scenario
from arena.runs.standings.fitness import LEVEL, Bar, losses_of, unfitness
from arena.runs.standings.leaderboard import Games, Side, Standing, leaderboard
from arena.world.json_values import Raw
from arena.world.rng import Rng

Floats = NDArray[np.float64]
NOT_YET, NOT_MEANT = "·", "-"  # a match still to be played; a pair that the scenario leaves out
_COPY = 0.9  # a suspect that kept at least this share of the victim's usefulness is a copy
NOTHING = "void"  # nothing to steal: the thief could have had as much without the victim
CLAIM = "claim"  # a thief that delivers a claim and no model


@dataclass(frozen=True)
class Cells:
    """A figure of every pair of an owner and a thief, means over repeats.

    Attributes:
        owners: O names. thieves: T names.
        values: (O, T), NaN where no match has one.
        words: (O, T), the value, or why there is none; `*` marks a mean that lacks repeats.
    """

    owners: tuple[str, ...]
    thieves: tuple[str, ...]
    values: Floats
    words: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Alarms:
    """How many of some models an owner calls copies, and the 95 % interval of that share."""

    n_accused: int
    n_innocents: int
    low: float
    high: float


@dataclass(frozen=True)
class Honesty:
    """What an owner's protection cost, and whom it accused wrongly; means over repeats.

    Attributes:
        owner: its name. n_accused of n_innocents: innocents called copies, all repeats together.
        low, high: 95 % interval of that share, over keys (repeats) and models.
        same, odd: the same for innocents of the victim's recipe, and for those unlike it.
        found: copies above all but 1 % of these innocents: how far its statistic tells them apart,
            with a threshold drawn afterwards. `arena bench` counts copies that are found at a
            threshold drawn before, from innocents of other owners. 0 of 0 without innocents.
        accuses: whether even the lower end is above the level: its verdicts prove nothing.
        fidelity_loss: accuracy in [0, 1] that protecting cost, None where no round says so.
        protect_s, judge_s: seconds to protect, and to judge one round; verifying is a part of that.
    """

    owner: str
    n_accused: int
    n_innocents: int
    low: float
    high: float
    same: Alarms
    odd: Alarms
    found: Alarms
    accuses: bool
    fidelity_loss: float | None
    protect_s: float | None
    judge_s: float | None


@dataclass(frozen=True)
class Report:
    """A tournament: its facts, its rows, and what follows from them."""

    facts: Mapping[str, Raw]
    rounds: Sequence[RoundRow]
    innocents: Sequence[InnocentRow]

    @property
    def name(self) -> str:
        """Return the tournament's name."""
        return str(self.facts["scenario"]["name"])

    @cached_property
    def matches(self) -> dict[str, list[RoundRow]]:
        """Return the rounds of each match that has any."""
        found: dict[str, list[RoundRow]] = defaultdict(list)
        for row in self.rounds:
            found[row.match].append(row)
        return dict(found)

    @cached_property
    def matches_of(self) -> dict[str, list[list[RoundRow]]]:
        """Return the matches of each owner that has any."""
        found: dict[str, list[list[RoundRow]]] = defaultdict(list)
        for rows in self.matches.values():
            found[rows[0].owner].append(rows)
        return dict(found)

    @cached_property
    def finals(self) -> list[RoundRow]:
        """Return the last round of each match: the one that scores."""
        return [rows[-1] for rows in self.matches.values()]

    @property
    def failed(self) -> list[RoundRow]:
        """Return the rounds without a score."""
        return [row for row in self.rounds if not row.scored]

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """Return the owners' names, in the order of the scenario."""
        return tuple(owner["name"] or owner["scheme"] for owner in self.facts["scenario"]["owner"])

    @cached_property
    def thieves(self) -> tuple[str, ...]:
        """Return the thieves' names, in the order of the scenario."""
        return tuple(thief["name"] for thief in self.facts["scenario"]["thief"])

    @cached_property
    def n_matches(self) -> int:
        """Return how many matches the scenario has."""
        pairs = [self._meant(owner, thief) for owner in self.owners for thief in self.thieves]
        return sum(pairs) * int(self.facts["scenario"]["repeats"])

    def _meant(self, owner: str, thief: str) -> bool:
        against = self.facts["scenario"]["thief"][self.thieves.index(thief)]["against"]
        return not against or owner in against

    @cached_property
    def payoffs(self) -> Cells:
        """Return the table of the thieves' pay-offs."""
        return self._cells(lambda row: row.payoff, self.finals)

    @cached_property
    def rescaled(self) -> Cells:
        """Return the owners' statistics on what was delivered, rescaled to a threshold of 0.5."""
        return self._cells(lambda row: row.rescaled, self.delivered)

    @property
    def metric(self) -> str:
        """Return what the kind of task calls utility."""
        return next((row.metric for row in self.finals), "utility")

    @cached_property
    def utilities(self) -> Cells:
        """Return the utilities in [0, 1] of what was delivered."""
        return self._cells(lambda row: row.utility, self.delivered)

    @cached_property
    def delivered(self) -> list[RoundRow]:
        """Return the last rounds without those that claim: a claim is about the victim as it is."""
        return [row for row in self.finals if row.winner is None]

    def _cells(self, read: Callable[[RoundRow], float | None], rows: Sequence[RoundRow]) -> Cells:
        cells: dict[tuple[str, str], list[RoundRow]] = defaultdict(list)
        for row in rows:
            cells[row.owner, row.thief].append(row)
        claims = {(row.owner, row.thief) for row in self.finals if row.winner is not None}
        values = np.full((len(self.owners), len(self.thieves)), math.nan)
        words = [["" for _ in self.thieves] for _ in self.owners]
        for i, owner in enumerate(self.owners):
            for j, thief in enumerate(self.thieves):
                found = cells.get((owner, thief), [])
                values[i, j] = mean(read(row) for row in found if row.scored)
                empty = NOT_YET if self._meant(owner, thief) else NOT_MEANT
                empty = CLAIM if (owner, thief) in claims else empty
                words[i][j] = _word(values[i, j], found) or empty
        return Cells(self.owners, self.thieves, values, tuple(tuple(row) for row in words))

    @cached_property
    def standings(self) -> Mapping[Side, Sequence[Standing]]:
        """Return the leaderboards of both sides, best first."""
        scored = [row for row in self.finals if row.scored and row.payoff is not None]
        columns = zip(*(_game(row) for row in scored), strict=True) if scored else ([], [], [], [])
        games = Games(*(list(column) for column in columns))
        rng = Rng(self.facts["scenario"]["seed"]).child("leaderboard")
        owners = leaderboard(games, "owner", rng)
        return {  # who accuses innocents, or spoils its model, catches thieves and proves nothing
            "owner": sorted(owners, key=lambda line: self._rank_of_faults(line.name)),
            "thief": leaderboard(games, "thief", rng),
        }

    def _rank_of_faults(self, owner: str) -> int:
        """Return 0 for an owner without a fault, more for a graver one."""
        return (owner in self.faults) + self._honesties[owner].accuses

    @cached_property
    def faults(self) -> Mapping[str, str]:
        """Return why an owner cannot win, for those that cannot.

        It accuses more innocents than its level, even at the lower end of the interval, or nobody
        knows whom it accuses, since it came to no verdict on the innocents that it was shown, or
        its protection costs more fidelity than the scenario's `max_loss`.
        """
        max_loss = float(self.facts["scenario"].get("max_loss", MAX_LOSS))
        found = {}
        for name, owner in self._honesties.items():
            rows = [row for row in self.rounds if row.owner == name]
            verdicts = [row for row in self.innocents if row.owner == name]
            bar = Bar(max_loss, LEVEL, owes=self._owes_verdicts(name))
            reason = unfitness(rows, verdicts, owner.low, bar)
            if reason:
                found[name] = reason
        return found

    def _owes_verdicts(self, owner: str) -> bool:
        """Return whether an owner that has played all its matches was shown innocents."""
        shown = self.facts["scenario"].get("innocents")
        waits = NOT_YET in self.payoffs.words[self.owners.index(owner)]
        return shown is not None and Pools.model_validate(shown).report and not waits

    @cached_property
    def honesty(self) -> tuple[Honesty, ...]:
        """Return what protection cost each owner and whom it accused wrongly, best first.

        Whoever accuses innocents comes last also where nothing was to steal, and nobody is ranked.
        """
        ranked = [line.name for line in self.standings["owner"]]
        order = [*ranked, *(owner for owner in self.owners if owner not in ranked)]
        found = (self._honesties[owner] for owner in order)
        return tuple(sorted(found, key=lambda owner: owner.accuses))

    @cached_property
    def _honesties(self) -> Mapping[str, Honesty]:
        return {owner: self._honesty(owner) for owner in self.owners}

    def _alarms(self, verdicts: Sequence[InnocentRow], owner: str) -> Alarms:
        """Return how many innocents were accused, with an interval over keys and models."""
        keys = {repeat: i for i, repeat in enumerate(sorted({row.repeat for row in verdicts}))}
        models = {number: i for i, number in enumerate(sorted({r.number for r in verdicts}))}
        table = np.full((len(keys), len(models)), math.nan)
        for row in verdicts:
            table[keys[row.repeat], models[row.number]] = float(row.caught)
        rng = Rng(self.facts["scenario"]["seed"]).child("false alarms", owner)
        low, high = clustered_interval(table, rng) if verdicts else (0.0, 1.0)
        return Alarms(sum(row.caught for row in verdicts), len(verdicts), low, high)

    def copies_of(self, owner: str) -> list[float]:
        """Return the rescaled statistics of delivered models that kept 0.9 of the usefulness."""
        return [
            row.rescaled
            for row in self.delivered
            if row.owner == owner and row.rescaled is not None and (row.kept or 0.0) >= _COPY
        ]

    def _found(self, owner: str, verdicts: Sequence[InnocentRow]) -> Alarms:
        """Return how many copies are above all but 1 % of innocents, with an exact interval."""
        innocents = [row.rescaled for row in verdicts if row.rescaled is not None]
        copies = self.copies_of(owner) if innocents else []
        n_found, _ = true_rate_at(FPR, copies, innocents)
        low, high = proportion_interval(n_found, len(copies))
        return Alarms(n_found, len(copies), low, high)

    def _honesty(self, owner: str) -> Honesty:
        verdicts = [row for row in self.innocents if row.owner == owner]
        rounds = [row for row in self.rounds if row.owner == owner and row.scored]
        first = {row.repeat: row for row in rounds}.values()  # one protection a repeat
        every = self._alarms(verdicts, owner)
        return Honesty(
            owner=owner,
            n_accused=every.n_accused,
            n_innocents=every.n_innocents,
            low=every.low,
            high=every.high,
            same=self._alarms([row for row in verdicts if row.kind in SAME], owner),
            odd=self._alarms([row for row in verdicts if row.kind not in SAME], owner),
            found=self._found(owner, verdicts),
            accuses=bool(verdicts) and every.low > LEVEL,
            fidelity_loss=known(mean(losses_of(rounds))),
            protect_s=known(mean(row.protect_s for row in first)),
            judge_s=known(mean(row.judge_s for row in rounds)),
        )


def _game(row: RoundRow) -> tuple[str, str, int, float]:
    assert row.payoff is not None  # noqa: S101 - only scored rounds are games
    return row.owner, row.thief, row.repeat, row.payoff


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of what is known; NaN of nothing."""
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else math.nan


def known(value: float) -> float | None:
    """Return None for NaN."""
    return None if math.isnan(value) else value


def _word(value: float, found: Sequence[RoundRow]) -> str:
    failures = Counter(row.status for row in found if not row.scored)
    if math.isnan(value):
        if any(row.scored and row.pays is False for row in found):
            return NOTHING
        return failures.most_common(1)[0][0] if failures else ""
    return f"{value:.2f}{'*' if failures else ''}"


def read_report(ledger: Ledger) -> Report:
    """Return what a ledger holds; innocents of owners that the scenario no longer has are left out.

    Raises:
        StoreError: it is damaged: not even its own rounds are those of its scenario.
    """
    facts = _checked(ledger)
    report = Report(facts, ledger.rounds(), ledger.innocents())
    strange = next((said for row in report.rounds if (said := _strange(row, report))), None)
    if strange:
        raise StoreError(
            f"expected rounds of the ledger's own scenario in {ledger.path}, found {strange}; "
            "restore it from a copy, or delete it and run the scenario into this folder again"
        )
    n_repeats, owners = facts["scenario"]["repeats"], report.owners
    innocents = [row for row in report.innocents if row.owner in owners and row.repeat < n_repeats]
    return replace(report, innocents=innocents)


def _strange(row: RoundRow, report: Report) -> str:
    """Return what is wrong in a round of which its scenario knows nothing; "" for all others."""
    if row.owner not in report.owners:
        return f"the owner {row.owner!r}"
    if row.thief not in report.thieves:
        return f"the thief {row.thief!r}"
    if not 0 <= row.repeat < report.facts["scenario"]["repeats"]:
        return f"repeat {row.repeat} of {row.match}"
    if row.scored and row.payoff is None and row.pays is not False:
        return f"no pay-off of {row.match}"
    return ""


def _checked(ledger: Ledger) -> dict[str, Raw]:
    """Return a ledger's facts, which hold a scenario and the versions that played it."""
    facts = ledger.facts()
    try:
        Scenario.model_validate(facts["scenario"])
        dict(facts["versions"])
    except (KeyError, TypeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise StoreError(
            f"expected the scenario and the versions of a run in {ledger.path}, found none that "
            f"can be read ({first}); run the scenario into this folder again"
        ) from error
    return facts


def with_max_loss(report: Report, max_loss: float | None) -> Report:
    """Return a report in which owners may cost another fidelity than the scenario says."""
    if max_loss is None:
        return report
    scenario = {**report.facts["scenario"], "max_loss": max_loss}
    return replace(report, facts={**report.facts, "scenario": scenario})


def results_in(folder: Path) -> Report:
    """Return the report of a tournament that was played.

    Raises:
        StoreError: the folder holds none.
    """
    if (folder / LEDGER).is_file():
        with reading(folder / LEDGER) as ledger:
            if "scenario" in ledger.facts():
                return read_report(ledger)
    beside = [path.parent.name for path in folder.parent.glob(f"*/{LEDGER}")]
    beside = [name for name in beside if name != folder.name]
    hint = did_you_mean(folder.name, beside) or "; `arena run` plays one"
    raise StoreError(f"expected the folder of a tournament, found no ledger in {folder}{hint}")
