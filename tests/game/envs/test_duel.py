"""The AEC environment: phases, rewards that add up to one, and who sees what."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from pettingzoo import AECEnv
from pettingzoo.test import api_test, seed_test

from arena.game.envs import DuelEnv, aec_env
from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import MemoryMemo
from arena.game.sides.player import PlayerSpec

pytestmark = pytest.mark.long

SCHEMES, MOVES = ("bare", "mark", "cannot-protect", "cannot-verify"), ("stay", "wipe", "fall")
BARE, MARK, NO_MARK, NO_VERDICT = range(4)
STAY, WIPE, FALL = range(3)

Make = Callable[..., DuelEnv]
Wrapped = Callable[..., AECEnv[Any, Any, Any]]


ADVICE = (  # of PettingZoo's checker, on names and shapes that are meant so
    "Action space for each agent probably should be",
    "We recommend agents to be named in the format",
    "Agents have different (action|observation) space sizes",
    "Observations are different shapes",
)


def specs(names: Iterable[str]) -> list[PlayerSpec]:
    return [PlayerSpec(name=name) for name in names]


@pytest.fixture
def make(match: MatchSpec, memo: MemoryMemo) -> Make:
    def build(
        schemes: Sequence[str] = SCHEMES, moves: Sequence[str] = MOVES, **changes: Any
    ) -> DuelEnv:
        given = {"match": match, "memo": memo, "n_strengths": 1, **changes}
        return DuelEnv(schemes=specs(schemes), moves=specs(moves), **given)

    return build


def returns(
    env: DuelEnv, scheme: int, *moves: int, seed: int = 0
) -> tuple[dict[str, float], list[str]]:
    """Play an episode; return what each agent got, and the turns that were taken."""
    env.reset(seed=seed)
    script = iter([scheme, *moves])
    got: dict[str, float] = dict.fromkeys(env.possible_agents, 0.0)
    turns: list[str] = []
    for agent in env.agent_iter():
        _, reward, terminated, truncated, _ = env.last()
        got[agent] += reward
        over = terminated or truncated
        if not over:
            turns.append(agent)
        env.step(None if over else np.array([next(script), 0]))
    return got, turns


@pytest.mark.parametrize(
    ("scheme", "moves", "thief_wins"),
    [
        (MARK, (STAY, STAY), False),
        (MARK, (WIPE, STAY), True),
        (MARK, (STAY, WIPE), True),
        (BARE, (STAY, STAY), True),
    ],
)
def test_the_returns_are_the_payoffs(
    make: Make, scheme: int, moves: tuple[int, ...], thief_wins: bool
) -> None:
    got, turns = returns(make(), scheme, *moves)
    assert turns == ["owner", "thief", "thief"]
    assert got["owner"] + got["thief"] == pytest.approx(1)
    assert (got["thief"] > 0.9) if thief_wins else (got["thief"] == 0)


def test_returns_add_up_to_one_whatever_is_played(make: Make) -> None:
    env = make(schemes=SCHEMES[:2], moves=MOVES[:2])
    for scheme, *moves in itertools.product(range(2), repeat=3):
        got, _ = returns(env, scheme, *moves)
        assert sum(got.values()) == pytest.approx(1)
        assert all(-1e-9 <= value <= 1 + 1e-9 for value in got.values())


@pytest.mark.parametrize(
    ("scheme", "moves", "fault", "message"),
    [
        (NO_MARK, (), "owner", "RuntimeError: no pencil (actors.py, line 62)"),
        (NO_VERDICT, (WIPE,), "owner", "RuntimeError: the key is 4711 (actors.py, line 71)"),
        (MARK, (FALL,), "thief", "RuntimeError: I fell (actors.py, line 113)"),
        (MARK, (WIPE, FALL), "thief", "RuntimeError: I fell (actors.py, line 113)"),
    ],
)
def test_a_failure_pays_nobody_and_is_told_to_its_author(
    make: Make, scheme: int, moves: tuple[int, ...], fault: str, message: str
) -> None:
    env = make()
    env.reset()
    for choice in (scheme, *moves):
        env.step(np.array([choice, 0]))
    assert set(env.truncations.values()) == {True}
    assert env.infos[fault] == {"status": "ERROR", "message": message}
    other = {"owner": "thief", "thief": "owner"}[fault]
    assert env.infos[other] == {"status": "ERROR"}
    got, _ = returns(env, scheme, *moves)
    assert got == {"owner": pytest.approx(0), "thief": pytest.approx(0)}


def seen(env: DuelEnv, agent: str) -> dict[str, float]:
    return dict(zip(env.observation_names[agent], env.observe(agent).tolist(), strict=True))


def test_each_side_sees_its_own(make: Make, match: MatchSpec) -> None:
    env = make()
    env.reset()
    assert seen(env, "owner")["to release"] == 1
    env.step(np.array([MARK, 0]))
    assert (seen(env, "owner")["to release"], seen(env, "owner")["scheme is mark"]) == (0, 1)
    assert not any(name.startswith("scheme") for name in env.observation_names["thief"])
    env.step(np.array([WIPE, 0]))
    assert seen(env, "thief")["last move is wipe"] == 1
    assert set(env.infos["thief"]) == {"status", "own_utility", "spent"}


def test_the_scheme_is_seen_where_it_is_known(make: Make, match: MatchSpec) -> None:
    grants = match.grants.model_copy(update={"knows": frozenset({"scheme"})})
    env = make(match=match.model_copy(update={"grants": grants}))
    env.reset()
    names = [name for name in env.observation_names["thief"] if name.startswith("scheme")]
    assert [seen(env, "thief")[name] for name in names] == [0, 0, 0, 0]
    env.step(np.array([MARK, 0]))
    assert [seen(env, "thief")[name] for name in names] == [0, 1, 0, 0]


def test_an_agent_must_act(make: Make) -> None:
    env = make()
    env.reset()
    with pytest.raises(ValueError, match="expected an action of the owner, found None"):
        env.step(None)
    with pytest.raises(ValueError, match="expected an action in MultiDiscrete"):
        env.step(np.array([9, 0]))


def test_seeds_choose_the_victim(make: Make) -> None:
    env = make(n_seeds=3)
    seeds = set()
    for seed in range(20):
        env.reset(seed=seed)
        seeds.add(env._seed)
    assert seeds == {0, 1, 2}


def test_seeds_choose_the_victim_under_a_secret_too(make: Make, match: MatchSpec) -> None:
    env = make(match=match.model_copy(update={"secret_root": 2**70}), n_seeds=3)
    victims = {}
    for seed in range(20):
        env.reset(seed=seed)
        victims[env._seed] = env._table_of(MARK).match.base().digest
    assert len(set(victims.values())) == len(victims) == 3


def test_rendering(make: Make) -> None:
    env = make(render_mode="ansi")
    returns(env, MARK, WIPE, STAY)
    rows = [line.split()[1:3] for line in str(env.render()).splitlines()[2:]]
    assert rows == [["owner", "mark"], ["thief", "wipe"], ["thief", "stay"]]
    env.render_mode = "rgb_array"
    assert np.asarray(env.render()).dtype == np.uint8
    env.close()


@pytest.fixture
def wrapped(match: MatchSpec, memo: MemoryMemo) -> Wrapped:
    def build(memo: MemoryMemo = memo) -> AECEnv[Any, Any, Any]:
        moves, schemes = specs(MOVES[:2]), specs(SCHEMES[:2])
        return aec_env(match=match, schemes=schemes, moves=moves, n_strengths=2, memo=memo)

    return build


def test_pettingzoo_checks_it(wrapped: Wrapped) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for advice in ADVICE:
            warnings.filterwarnings("ignore", advice, UserWarning)
        api_test(wrapped(), num_cycles=20)


def test_pettingzoo_finds_it_reproducible(wrapped: Wrapped) -> None:
    seed_test(lambda: wrapped(MemoryMemo()), num_cycles=5)
