"""arena/Owner-v0: one release, one thief, 1 minus its pay-off."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from arena.errors import RegistryError, ScenarioError
from arena.game.envs import OwnerEnv
from arena.game.envs.observations import Vector
from arena.game.match.agents import Action
from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import MemoryMemo
from arena.game.sides.player import PlayerSpec
from arena.runs.scenario import parse_scenario
from arena.world.task import TaskSpec
from arena.world.training import Recipe

SCHEMES = ("bare", "mark", "cannot-protect", "cannot-verify")
BARE, MARK, NO_MARK, NO_VERDICT = range(4)

Make = Callable[..., OwnerEnv]


@pytest.fixture
def make(match: MatchSpec, memo: MemoryMemo) -> Make:
    def build(*scripts: Sequence[str], **changes: Any) -> OwnerEnv:
        games = [
            (
                match.model_copy(update={"thief": "+".join(script)}),
                [Action(PlayerSpec(name=name)) for name in script],
            )
            for script in scripts
        ]
        schemes = [PlayerSpec(name=name) for name in SCHEMES]
        return OwnerEnv(games=games, schemes=schemes, n_strengths=2, memo=memo, **changes)

    return build


def release(
    env: OwnerEnv, scheme: int, strength: int = 0, seed: int = 0
) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
    env.reset(seed=seed)
    return env.step(np.array([scheme, strength]))


@pytest.mark.parametrize(
    ("script", "scheme", "holds"),
    [
        (("stay",), MARK, True),
        (("stay",), BARE, False),
        (("wipe",), MARK, False),
        (("train", "wipe"), MARK, False),
        (("wipe", "stay"), MARK, False),
        (("train", "stay"), MARK, True),
    ],
)
def test_the_reward_is_one_minus_the_thiefs_payoff(
    make: Make, script: tuple[str, ...], scheme: int, holds: bool
) -> None:
    _, reward, terminated, truncated, info = release(make(script), scheme)
    assert (reward == 1) if holds else (0 <= reward < 0.1)
    assert reward == 1 - info["thief_payoff"]
    assert (terminated, truncated) == (True, False)
    assert (info["scheme"], info["thief"]) == (SCHEMES[scheme], "+".join(script))


@pytest.mark.parametrize(
    ("script", "scheme", "status", "fault"),
    [
        (("stay",), NO_MARK, "ERROR", "owner"),
        (("wipe",), NO_VERDICT, "ERROR", "owner"),
        (("wipe", "fall"), MARK, "ERROR", "thief"),
        (("spoil",), MARK, "INVALID", "thief"),
    ],
)
def test_no_score_is_made_of_a_failure(
    make: Make, script: tuple[str, ...], scheme: int, status: str, fault: str
) -> None:
    _, reward, terminated, truncated, info = release(make(script), scheme)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (info["status"], info["fault"]) == (status, fault)
    assert ("message" in info) == (fault == "owner")


def test_the_observation_says_what_its_names_say(make: Make) -> None:
    env = make(("stay",))
    first, _ = env.reset()
    after, *_, info = env.step(np.array([MARK, 1]))
    before = dict(zip(env.observation_names, first.tolist(), strict=True))
    seen = dict(zip(env.observation_names, after.tolist(), strict=True))
    assert before == {**dict.fromkeys(env.observation_names, 0), "to release": 1}
    assert seen.pop("fidelity loss") == pytest.approx(max(0.0, float(str(info["fidelity_loss"]))))
    assert (seen["to release"], seen["strength"], seen["scheme is mark"]) == (0, 1, 1)


def test_thieves_are_drawn_by_the_seed(make: Make) -> None:
    env = make(("stay",), ("wipe",))
    met = [release(env, MARK, seed=seed)[-1]["thief"] for seed in range(12)]
    assert set(met) == {"stay", "wipe"}
    assert met == [release(env, MARK, seed=seed)[-1]["thief"] for seed in range(12)]


def test_thieves_come_from_a_scenario(memo: MemoryMemo, tmp_path: Path) -> None:
    text = """
    name = "two"
    [task]
    recipe = { epochs = 2 }
    [[owner]]
    scheme = "none"
    [[thief]]
    name = "idle"
    moves = ["stay"]
    [[thief]]
    name = "clever"
    moves = [{ move = "wipe", strength = 1.0 }]
    """
    task = TaskSpec(recipe=Recipe(epochs=2))
    games = tuple(parse_scenario(text, tmp_path).matches(task))
    env = OwnerEnv(games=games, schemes=[PlayerSpec(name="mark")], n_strengths=1, memo=memo)
    paid = {}
    for seed in range(10):
        _, reward, *_, info = release(env, 0, seed=seed)
        paid[info["thief"]] = reward
    assert paid["idle"] == 1
    assert paid["clever"] < 0.1


def test_steps_need_a_running_episode(make: Make) -> None:
    env = make(("stay",))
    with pytest.raises(ResetNeeded):
        env.step(np.array([MARK, 0]))


def test_faults_in_the_arguments_are_said(make: Make, match: MatchSpec) -> None:
    with pytest.raises(RegistryError, match="no defender is called 'mork'; did you mean 'mark'"):
        OwnerEnv(schemes=[PlayerSpec(name="mork")])
    poor = match.model_copy(update={"grants": match.grants.model_copy(update={"data": 0.0})})
    with pytest.raises(ScenarioError, match="train needs own data"):
        OwnerEnv(games=[(poor, [Action(PlayerSpec(name="train"))])])
    with pytest.raises(ScenarioError, match="expected a thief with a move"):
        OwnerEnv(games=[(match, [])])
    with pytest.raises(ScenarioError, match="expected a thief with a move"):
        OwnerEnv(games=[])


def test_rendering(make: Make) -> None:
    env = make(("train", "wipe"), render_mode="ansi")
    release(env, MARK, 1)
    title, _, *lines = str(env.render()).splitlines()
    assert title == "mark-vs-train+wipe-0"
    assert [line.split()[1:3] for line in lines] == [
        ["owner", "mark"],
        ["thief", "train"],
        ["thief", "wipe"],
    ]


def test_gymnasium_makes_and_checks_it(match: MatchSpec, memo: MemoryMemo) -> None:
    games = [(match, [Action(PlayerSpec(name="stay"))])]
    schemes = [PlayerSpec(name="bare"), PlayerSpec(name="mark")]
    env = gymnasium.make("arena/Owner-v0", games=games, schemes=schemes, memo=memo)
    assert isinstance(env.unwrapped, OwnerEnv)
    check_env(env.unwrapped)


@pytest.mark.slow
def test_the_default_games_pass_the_checks() -> None:
    check_env(gymnasium.make("arena/Owner-v0").unwrapped)
