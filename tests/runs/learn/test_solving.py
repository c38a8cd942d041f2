"""The double oracle: it ends at an equilibrium of the whole menu, and plays no cell twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.errors import ScenarioError
from arena.game.match.play import Pools
from arena.game.match.rows import InnocentRow, RoundRow
from arena.runs.bench.bench import Played
from arena.runs.learn.double_oracle import DoubleOracle
from arena.runs.learn.menu import meant, menu_of
from arena.runs.learn.payoff_table import PayoffTable
from arena.runs.learn.solution import solve
from arena.runs.scenario import Scenario, parse_scenario
from arena.runs.standings.nash import equilibrium
from arena.runs.standings.payoffs import Floats
from tests.runs.learn.conftest import TEXT
from tests.view.conftest import innocent, row

BROKEN = -1.0
"""The pay-off of a match that did not end."""
VOID = -2.0
"""The pay-off of a match in which there was nothing to steal."""


class Referee:
    """Knows every pay-off beforehand, and counts what it is asked to play."""

    def __init__(self, payoffs: Floats) -> None:
        self.payoffs = payoffs
        self.played: list[tuple[str, str]] = []
        self.loss: dict[str, float] = {}
        self.accusers: set[str] = set()
        self.silent: set[str] = set()

    def menu(self) -> Scenario:
        owners = "".join(f'[[owner]]\nscheme = "none"\nname = "o{i}"\n' for i in range(self.n[0]))
        thieves = "".join(f'[[thief]]\nname = "t{j}"\nmoves = ["none"]\n' for j in range(self.n[1]))
        return parse_scenario(f'name = "made"\n{owners}{thieves}', Path())

    @property
    def n(self) -> tuple[int, int]:
        return self.payoffs.shape[0], self.payoffs.shape[1]

    def play(self, scenario: Scenario) -> Played:
        cells = sorted(meant(scenario))
        self.played += cells
        owners = sorted({owner for owner, _ in cells})
        return Played([self.row(*cell) for cell in cells], self.innocents(owners))

    def row(self, owner: str, thief: str) -> RoundRow:
        payoff = float(self.payoffs[int(owner[1:]), int(thief[1:])])
        if payoff == BROKEN:
            return row(owner, thief, None)
        if payoff == VOID:
            found = row(owner, thief, 0.0, fidelity_loss=0.0)
            return replace(found, payoff=None, owner_payoff=None, pays=False)
        return row(owner, thief, payoff, fidelity_loss=self.loss.get(owner, 0.0))

    def innocents(self, owners: list[str]) -> list[InnocentRow]:
        return [
            innocent(owner, caught=owner in self.accusers, number=i, repeat=0, p_value=0.5)
            for owner in owners
            if owner not in self.silent
            for i in range(20)
        ]


def solved(referee: Referee, epsilon: float = 0.005) -> DoubleOracle:
    return DoubleOracle(PayoffTable(referee.menu(), referee.play), epsilon)


@pytest.mark.parametrize("seed", range(6))
def test_it_ends_at_the_value_of_the_whole_game(seed: int) -> None:
    payoffs = np.random.default_rng(seed).uniform(size=(7, 9)).round(3)
    referee = Referee(payoffs)
    *_, last = solved(referee).iterations(40)
    assert not last.added
    assert last.value == pytest.approx(equilibrium(payoffs).value, abs=0.01)
    assert last.exploitability <= 0.01
    assert len(referee.played) == len(set(referee.played)) == last.n_played


def test_what_nobody_needs_is_not_played() -> None:
    payoffs = np.full((6, 6), 0.5)
    payoffs[2, :], payoffs[:, 0] = 0.1, 0.3  # one owner holds against all
    payoffs[2, 0] = 0.1
    referee = Referee(payoffs)
    *_, last = solved(referee).iterations(40)
    assert last.owners == {"o2": 1.0}
    assert last.n_played < 36


def test_each_iteration_says_who_joins_and_what_that_would_gain() -> None:
    pennies = np.array([[1.0, 0.0], [0.0, 1.0]])
    first, second, third = solved(Referee(pennies)).iterations(9)
    assert (first.added, first.owner_gain, first.thief_gain) == (("o1",), 1.0, 0.0)
    assert second.added == ("t1",)
    assert third.added == ()
    assert third.owners == pytest.approx({"o0": 0.5, "o1": 0.5})
    assert third.thieves == pytest.approx({"t0": 0.5, "t1": 0.5})


def test_an_owner_that_cannot_win_is_no_answer() -> None:
    referee = Referee(np.array([[0.9, 0.9], [0.0, 0.0], [0.1, 0.1], [0.5, 0.4]]))
    referee.accusers, referee.loss = {"o1"}, {"o2": 0.2}
    oracle = solved(referee)
    *_, last = oracle.iterations(9)
    assert last.owners == {"o3": 1.0}
    assert oracle.table.unfit == {
        "o1": "accuses 20 of 20 innocents",
        "o2": "costs 0.200 of fidelity, above 0.05",
    }


def test_an_owner_without_a_verdict_on_an_innocent_is_no_answer() -> None:
    referee = Referee(np.array([[0.0, 0.0], [0.5, 0.4]]))
    referee.silent = {"o0"}
    oracle = solved(referee)
    *_, last = oracle.iterations(9)
    assert last.owners == {"o1": 1.0}
    assert oracle.table.unfit == {"o0": "came to no verdict on an innocent"}
    spare = {name: 0 for name in Pools().plain() if name.startswith("reporting_")}
    menu = referee.menu().model_copy(update={"innocents": Pools(**spare)})
    unasked = DoubleOracle(PayoffTable(menu, referee.play))
    *_, last = unasked.iterations(9)
    assert last.owners == {"o0": 1.0}


def test_a_repeat_with_nothing_to_steal_counts_for_nobody() -> None:
    referee = Referee(np.array([[0.4, VOID]]))

    def play(scenario: Scenario) -> Played:
        once = referee.play(scenario)
        again = [
            replace(found, match=f"{found.match}-again", repeat=1, payoff=None, pays=False)
            for found in once.rounds
        ]
        verdicts = [replace(found, repeat=1) for found in once.innocents]
        return Played([*once.rounds, *again], [*once.innocents, *verdicts])

    table = PayoffTable(referee.menu(), play)
    assert table.values(["o0"], ["t0", "t1"]).tolist() == [[0.4, 0.0]]


def test_a_thief_that_breaks_takes_nothing_and_is_not_the_owners_fault() -> None:
    referee = Referee(np.array([[BROKEN, 0.4], [0.2, 0.3]]))
    oracle = solved(referee)
    *_, last = oracle.iterations(9)
    assert oracle.table.unfit == {}
    assert last.value == pytest.approx(0.3)


def test_no_owner_that_may_win_is_said() -> None:
    referee = Referee(np.array([[0.9], [0.0]]))
    referee.accusers = {"o0", "o1"}
    with pytest.raises(ScenarioError, match="found none: o0 accuses 20 of 20 innocents; o1"):
        list(solved(referee).iterations(3))


@pytest.mark.parametrize("epsilon", [0.0, 2.0, float("nan")])
def test_an_epsilon_that_cannot_be_reached_is_refused(epsilon: float) -> None:
    with pytest.raises(ScenarioError, match=r"expected an epsilon from 0\.001 to 1"):
        solved(Referee(np.zeros((1, 1))), epsilon)


@pytest.mark.parametrize("seed", range(4))
def test_no_scripted_thief_does_better_in_the_worst_case_than_the_exploitability(seed: int) -> None:
    payoffs = np.random.default_rng(seed).uniform(size=(5, 8))
    oracle = solved(Referee(payoffs))
    solution = solve(oracle, oracle.table.thieves, 40, lambda *_: None)
    assert solution.scripted == pytest.approx(
        dict(zip(oracle.table.thieves, payoffs.min(axis=0).tolist(), strict=True))
    )
    best = max(solution.scripted.values())
    assert solution.worst_case >= best - solution.last.exploitability - 1e-9


def test_the_menu_has_strengths_of_what_can_be_turned(scenario: Scenario) -> None:
    menu = menu_of(scenario, 3)
    marks = ["mark", "mark_0", "mark_0.5", "mark_1"]
    assert [owner.title for owner in menu.owner] == [
        *(f"bare{name[4:]}" for name in marks),
        *marks,
    ]
    assert [thief.name for thief in menu.thief][:5] == [
        "stays",
        "wipes",
        "wipes_0",
        "wipes_0.5",
        "wipes_1",
    ]
    assert menu_of(scenario, 1) == scenario


def test_variants_play_those_that_their_originals_play(cast: None) -> None:
    text = TEXT.replace('moves = ["wipe"]', 'moves = ["wipe"]\nagainst = ["mark"]')
    menu = menu_of(parse_scenario(text, Path()), 2)
    (wipes,) = [thief for thief in menu.thief if thief.name == "wipes_1"]
    assert wipes.against == ("mark", "mark_0", "mark_1")
