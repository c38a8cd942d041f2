import pytest

from arena.game.match.agents import Action, Agent, Observation, Scripted
from arena.game.sides.player import PlayerSpec

PRUNE, TUNE = PlayerSpec(name="prune"), PlayerSpec(name="tune")


def played(agent: Agent, n_rounds: int) -> list[Action | None]:
    return [agent.act(Observation(n, 0.5, n - 1), {}) for n in range(n_rounds)]


def test_a_script_is_played_in_order_and_ends() -> None:
    script = [Action(PRUNE, 0.5), Action(TUNE)]
    assert played(Scripted(script), 4) == [*script, None, None]


@pytest.mark.parametrize("observed", [Observation(1, 0.9, 0), Observation(1, 0.1, 3, {}, True)])
def test_scripts_do_not_look(observed: Observation) -> None:
    assert Scripted([Action(PRUNE), Action(TUNE)]).act(observed, {}) == Action(TUNE)
