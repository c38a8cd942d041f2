import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.game.match.agents import Action, Agent, Observation, Random, Scripted
from arena.game.sides.player import PlayerSpec
from arena.world.rng import Rng

PRUNE, TUNE = PlayerSpec(name="prune"), PlayerSpec(name="tune")


def played(agent: Agent, n_rounds: int) -> list[Action | None]:
    return [agent.act(Observation(n, 0.5, n - 1), {}) for n in range(n_rounds)]


def test_a_script_is_played_in_order_and_ends() -> None:
    script = [Action(PRUNE, 0.5), Action(TUNE)]
    assert played(Scripted(script), 4) == [*script, None, None]


def test_a_random_agent_plays_its_rounds_and_ends() -> None:
    actions = played(Random([PRUNE, TUNE], 3, Rng(1)), 5)
    assert all(action and action.move in (PRUNE, TUNE) for action in actions[:3])
    assert actions[3:] == [None, None]


@given(seed=st.integers(0, 2**31), n_rounds=st.integers(1, 6))
def test_a_random_agent_is_its_seed(seed: int, n_rounds: int) -> None:
    one, two = (played(Random([PRUNE, TUNE], n_rounds, Rng(seed)), n_rounds) for _ in range(2))
    assert one == two
    assert all(action and 0 <= (action.strength or 0) <= 1 for action in one)


def test_a_random_agent_tries_everything() -> None:
    actions = played(Random([PRUNE, TUNE], 50, Rng(2)), 50)
    moves = [action.move for action in actions if action]
    assert len(moves) == 50
    assert {move.name for move in moves} == {"prune", "tune"}


@pytest.mark.parametrize("observed", [Observation(1, 0.9, 0), Observation(1, 0.1, 3, {}, True)])
def test_scripts_do_not_look(observed: Observation) -> None:
    assert Scripted([Action(PRUNE), Action(TUNE)]).act(observed, {}) == Action(TUNE)
