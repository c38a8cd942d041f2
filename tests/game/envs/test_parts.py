"""The parts that environments are made of: menus, sights, tables, boards, docstrings."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ScenarioError
from arena.game.envs import DuelEnv, OwnerEnv, ThiefEnv
from arena.game.envs.actions import Menu
from arena.game.envs.defaults import MOVES, SCHEMES, default_match
from arena.game.envs.observations import START, OwnerSight, ThiefSight
from arena.game.envs.render import Episode, Turn
from arena.game.envs.replay import Failure, Replay, RoundResult
from arena.game.match.agents import Observation
from arena.game.match.play import MatchSpec
from arena.game.match.reports import ProtectionReport
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec

STAY, WIPE = PlayerSpec(name="stay"), PlayerSpec(name="wipe")


def test_a_menu_counts_players_and_strengths() -> None:
    menu = Menu(attacks, [STAY, WIPE], 3)
    assert menu.space.nvec.tolist() == [2, 3]
    indices = [menu.index(np.array([p, s])) for p in range(2) for s in range(3)]
    assert indices == list(range(6))
    assert [menu.strength(i) for i in range(6)] == [0, 0.5, 1] * 2
    assert [menu.player(i) for i in range(6)] == [0, 0, 0, 1, 1, 1]
    assert [menu.specs[i].settings for i in (3, 4, 5)] == [{"push": p} for p in (0, 0.5, 1)]


def test_one_strength_leaves_the_players_as_they_are() -> None:
    menu = Menu(attacks, [PlayerSpec(name="wipe", settings={"push": 0.3})], 1)
    assert menu.strength(0) is None
    assert menu.specs[0].settings == {"push": 0.3}


def test_a_player_may_stand_on_the_menu_twice() -> None:
    assert Menu(attacks, [STAY, WIPE, STAY], 1).names == ("stay", "wipe", "stay (2)")


@pytest.mark.parametrize(("players", "n_strengths"), [([], 1), ([STAY], 0)])
def test_an_empty_menu_is_refused(players: list[PlayerSpec], n_strengths: int) -> None:
    with pytest.raises(ScenarioError, match="expected at least one attacker and one strength"):
        Menu(attacks, players, n_strengths)


def test_the_clock_and_open_budgets_are_not_seen() -> None:
    budget = Budget(steps=5, wall_s=60, verifier_calls=3)
    sight = ThiefSight(ThreatModel(budget=budget), Menu(attacks, [STAY], 1), 2)
    assert [name for name in sight.names if name.endswith("left")] == [
        "rounds left",
        "steps left",
        "verifier_calls left",
    ]


shares = st.floats(0, 1)


@given(
    played=st.integers(0, 4),
    utility=shares,
    last=st.integers(-1, 5),
    left=st.dictionaries(st.sampled_from(["steps", "calls", "wall_s"]), shares),
    caught=st.sampled_from([None, True, False]),
    scheme=st.integers(-1, 1),
)
def test_every_observation_lies_in_its_space(
    played: int, utility: float, last: int, left: dict[str, float], caught: bool | None, scheme: int
) -> None:
    grants = ThreatModel(
        budget=Budget(steps=5, calls=2, verifier_calls=1), knows=frozenset({"scheme"})
    )
    sight = ThiefSight(grants, Menu(attacks, list(MOVES[:2]), 3), 4, ("a", "b"))
    row = sight.row(Observation(played, utility, last, left, caught), scheme)
    assert row in sight.space
    assert len(row) == len(sight.names)


@given(released=st.integers(-1, 3), loss=st.floats(-1, 2))
def test_every_owners_observation_lies_in_its_space(released: int, loss: float) -> None:
    sight = OwnerSight(Menu(attacks, list(MOVES[:2]), 2))
    assert sight.row(released, loss) in sight.space


def test_a_table_plays_paths(match: MatchSpec, memo: MemoryMemo) -> None:
    table = Replay(match, [STAY, WIPE], memo, Setting())
    assert isinstance(table.protection(), ProtectionReport)
    caught, free = table.play((0,)), table.play((0, 1))
    assert isinstance(caught, RoundResult)
    assert isinstance(free, RoundResult)
    assert caught.payoff == 0 < free.payoff
    assert (free.seen.round, free.seen.last_move) == (2, 1)


def test_a_path_may_be_asked_for_from_its_end(match: MatchSpec, memo: MemoryMemo) -> None:
    table = Replay(match, [STAY, WIPE], memo, Setting())
    whole, start = table.play((1, 0)), table.play((1,))
    assert isinstance(whole, RoundResult)
    assert isinstance(start, RoundResult)
    assert start.payoff == whole.payoff


def test_a_table_says_who_failed(match: MatchSpec, memo: MemoryMemo) -> None:
    names = ("fall", "spoil", "wipe")
    moves = [PlayerSpec(name=name) for name in names]
    broken = match.model_copy(update={"defense": PlayerSpec(name="cannot-verify")})
    table = Replay(broken, moves, memo, Setting())
    found = [table.play((i,)) for i in range(3)]
    failures = [played for played in found if isinstance(played, Failure)]
    assert [(failure.status, failure.fault) for failure in failures] == [
        ("ERROR", "thief"),
        ("INVALID", "thief"),
        ("ERROR", "owner"),
    ]


def test_what_a_table_plays_a_match_looks_up(match: MatchSpec, memo: MemoryMemo) -> None:
    """Steps are shared with tournaments: the same rounds have the same digests."""
    table = Replay(match, [STAY, WIPE], memo, Setting())
    table.play((0, 1))
    first = match.round(STAY, None, 0)
    second = match.round(WIPE, first, 1)
    assert memo.has(match.judge(second).digest)


def test_an_empty_board_can_be_shown() -> None:
    board = Episode("nothing yet")
    assert board.text().splitlines()[0] == "nothing yet"
    assert np.asarray(board.render("rgb_array")).shape == (320, 480, 3)


def test_a_board_draws_what_was_played() -> None:
    board = Episode("one")
    empty = board.picture()
    board.turns.append(Turn("thief", "prune", 0.5, "OK", 0.8, 0.4, {"steps": 0.5, "calls": 1.0}))
    drawn = board.picture()
    assert (drawn != empty).any()
    assert set(board._series()) == {"pay-off", "utility", "steps left"}


@pytest.mark.parametrize("env", [ThiefEnv, OwnerEnv, DuelEnv])
def test_docstrings_have_gymnasiums_headings(env: type[object]) -> None:
    assert re.findall(r"^    ## (.*)$", env.__doc__ or "", re.MULTILINE) == [
        "Description",
        "Action Space",
        "Observation Space",
        "Rewards",
        "Starting State",
        "Episode End",
        "Arguments",
        "Version History",
    ]


def test_the_default_players_are_granted_what_they_need() -> None:
    grants = default_match().grants
    assert all(not grants.missing(attacks.find(move.name).needs) for move in MOVES)
    assert default_match().defense.name in {scheme.name for scheme in SCHEMES}
    assert START.last_move == -1
