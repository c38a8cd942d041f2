"""Thieves that learn by reinforcement: networks without pickle that play matches as they learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from arena.errors import ScenarioError
from arena.game.match.play import play_here
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.runs.learn.environments import ArenaEnv, School
from arena.runs.learn.learned_player import FILE, Side
from arena.runs.learn.network import FILE as LAYERS
from arena.runs.learn.reinforce import Numbered
from arena.runs.learn.train import Learnt, Training
from arena.runs.scenario import parse_scenario
from tests.runs.learn.conftest import TEXT


def learn(school: School, algorithm: str, n_steps: int = 64, side: Side = "thief") -> Learnt:
    return Training(side, algorithm, n_steps).learn(school, lambda _: None)


def with_learner(folder: Path) -> str:
    return f'{TEXT}[[thief]]\nname = "learner"\nmoves = ["learned:{folder}"]\n'


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_a_network_plays_in_a_tournament_as_it_learnt(
    school: School,
    memo: MemoryMemo,
    algorithm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt = learn(school, algorithm)
    learnt.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, LAYERS]
    scenario = parse_scenario(with_learner(tmp_path), Path())
    monkeypatch.setattr(MemoryMemo, "save", None)  # whoever computes anything fails
    for match, script in scenario.matches(school.task):
        if match.thief == "learner":
            assert script == ()
            records = play_here(match, scenario.agent("learner"), memo, Setting())
            expected = learnt.player.payoffs[f"{match.owner}-{match.repeat}"]
            assert records[-1].judged.payoff == pytest.approx(expected, abs=1e-12)


def test_the_same_seed_learns_the_same_network(school: School) -> None:
    one, two = (learn(school, "dqn").network for _ in range(2))
    assert one is not None
    assert two is not None
    for a, b in zip((*one.weights, *one.biases), (*two.weights, *two.biases), strict=True):
        assert np.array_equal(a, b)


def test_an_owner_sees_nothing_that_changes_so_its_choice_is_a_scheme(school: School) -> None:
    learnt = learn(school, "ppo", 4, "owner")
    assert learnt.network is None
    assert learnt.player.table["scheme"] in ("bare", "mark")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("gone", "FileNotFoundError"),
        ("shape", "layers of the shapes"),
        ("nan", "numbers that are not finite"),
        ("more", "other tensors beside"),
    ],
)
def test_damaged_layers_are_one_sentence(
    school: School, damage: str, said: str, tmp_path: Path
) -> None:
    learn(school, "ppo", 4).write(tmp_path)
    tensors = load_file(tmp_path / LAYERS)
    first = tensors["0.weight"]
    changed = {
        "gone": {},
        "shape": {"0.weight": first[:, 1:].copy()},
        "nan": {"0.weight": np.full_like(first, np.nan)},
        "more": {"spare": first},
    }[damage]
    save_file({**tensors, **changed}, tmp_path / LAYERS)
    if damage == "gone":
        (tmp_path / LAYERS).unlink()
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(with_learner(tmp_path), Path())
    (problem,) = caught.value.problems
    assert problem.startswith("line 19: expected the layers of a learned player in ")
    assert said in problem


def test_another_threat_model_is_refused(school: School, tmp_path: Path) -> None:
    learn(school, "ppo", 4).write(tmp_path)
    text = with_learner(tmp_path) + "threat = { budget = { calls = 5 } }\n"
    with pytest.raises(ScenarioError, match="expected the threat model that the thief learnt"):
        parse_scenario(text, Path())


class Utilities:
    """Three rounds with known utilities; pays at the end."""

    observation_names = ("own utility",)
    observation_space = None

    class menu:  # noqa: N801
        specs = (0,)

        @staticmethod
        def pick(index: int) -> int:
            return index

    def reset(self, **_: Any) -> tuple[list[float], dict[str, Any]]:
        self.left = [0.9, 0.2, 0.6]
        return [0.0], {}

    def step(self, _: int) -> tuple[list[float], float, bool, bool, dict[str, Any]]:
        utility = self.left.pop(0)
        return [utility], 0.0 if self.left else 0.7, not self.left, False, {}


@pytest.mark.parametrize("shaping", [0.0, 0.5])
def test_shaping_moves_no_return(shaping: float) -> None:
    env = Numbered(cast(ArenaEnv, Utilities()), shaping)
    for _ in range(2):
        env.reset()
        rewards = [float(env.step(np.int64(0))[1]) for _ in range(3)]
        assert sum(rewards) == pytest.approx(0.7)
        assert rewards[:2] == pytest.approx([shaping * 0.9, shaping * -0.7])


def test_shaping_is_refused_where_it_does_nothing() -> None:
    with pytest.raises(ScenarioError, match="expected no shaping"):
        Training("thief", "search", shaping=0.1)
