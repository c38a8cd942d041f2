"""arena/Thief-v0: rewards, ends, observations, replays, seeds."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_for_learners

from arena.errors import PlayerError, RegistryError, ScenarioError
from arena.game.envs import ThiefEnv
from arena.game.envs.actions import Pick
from arena.game.envs.observations import Vector
from arena.game.match.play import MatchSpec, play_here
from arena.game.match.steps.step_cache import MemoryMemo, Parts, Setting
from arena.game.rules.threat import Budget
from arena.game.sides.player import PlayerSpec
from arena.runs.store import Store
from arena.world.bundle import Bundle

pytestmark = pytest.mark.long

MOVES = ("stay", "wipe", "train", "fall", "spoil")
STAY, WIPE, TRAIN, FALL, SPOIL = range(5)
MILD, HARSH = 0, 1

Make = Callable[..., ThiefEnv]
Env = gymnasium.Env[Vector, Pick]
Choice = tuple[int, int]
Step = tuple[Vector, Any, bool, bool, dict[str, Any]]


@pytest.fixture
def make(match: MatchSpec, memo: MemoryMemo) -> Make:
    def build(*names: str, n_strengths: int = 2, **changes: Any) -> ThiefEnv:
        moves = [PlayerSpec(name=name) for name in names or MOVES]
        given = {"match": match, "memo": memo, **changes}
        return ThiefEnv(moves=moves, n_strengths=n_strengths, **given)

    return build


def episode(env: Env, *actions: Choice, seed: int = 0) -> list[Step]:
    """Return the steps of an episode."""
    env.reset(seed=seed)
    return [env.step(np.array(action)) for action in actions]


def rewards(steps: Iterable[Step]) -> list[float]:
    return [reward for _, reward, *_ in steps]


@pytest.mark.parametrize(
    ("actions", "evades"),
    [
        ([(STAY, HARSH), (STAY, MILD)], [False, False]),
        ([(WIPE, MILD), (STAY, MILD)], [False, False]),
        ([(WIPE, HARSH), (STAY, MILD)], [True, True]),
        ([(STAY, MILD), (WIPE, HARSH)], [False, True]),
        ([(TRAIN, MILD), (WIPE, HARSH)], [False, True]),
    ],
)
def test_the_return_is_the_payoff_so_far(
    make: Make, actions: list[Choice], evades: list[bool]
) -> None:
    returns = np.cumsum(rewards(episode(make(), *actions)))
    assert [total > 0.9 for total in returns] == evades
    assert all(total > 0.9 or total == 0 for total in returns)


def test_the_episode_ends_after_its_rounds(make: Make) -> None:
    steps = episode(make(n_rounds=3), *[(STAY, MILD)] * 3)
    assert [(terminated, truncated) for *_, terminated, truncated, _ in steps] == [
        (False, False),
        (False, False),
        (True, False),
    ]


@pytest.mark.parametrize(
    ("move", "status", "message"),
    [
        (FALL, "ERROR", "RuntimeError: I fell (actors.py, line 113)"),
        (SPOIL, "INVALID", "expected a model of 10 classes, found 3; deliver a model for the task"),
    ],
)
def test_a_failed_move_ends_the_episode_with_a_return_of_zero(
    make: Make, move: int, status: str, message: str
) -> None:
    steps = episode(make(), (WIPE, HARSH), (move, MILD))
    _, _, terminated, truncated, info = steps[-1]
    assert sum(rewards(steps)) == 0
    assert (terminated, truncated) == (False, True)
    assert (info["status"], info["message"]) == (status, message)


def test_a_move_over_the_budget_fails(make: Make) -> None:
    steps = episode(make(n_rounds=6), *[(TRAIN, MILD)] * 5)
    assert [step[4]["status"] for step in steps] == ["OK"] * 4 + ["LIMIT"]
    assert steps[-1][4]["message"].startswith("the budget of 4 steps is spent")


def test_a_failure_is_the_same_when_it_is_looked_up(make: Make) -> None:
    env = make()
    first, again = (episode(env, (FALL, MILD))[0] for _ in range(2))
    assert first[1:] == again[1:]


def test_what_breaks_the_verification_is_not_told(make: Make, match: MatchSpec) -> None:
    broken = match.model_copy(update={"defense": PlayerSpec(name="cannot-verify")})
    *_, truncated, info = episode(make(match=broken), (WIPE, HARSH))[0]
    assert truncated
    assert info["message"] == "the owner's verification failed"


def test_an_owner_that_cannot_protect_is_an_error(make: Make, match: MatchSpec) -> None:
    broken = match.model_copy(update={"defense": PlayerSpec(name="cannot-protect")})
    with pytest.raises(PlayerError, match="found none: RuntimeError: no pencil"):
        episode(make(match=broken), (STAY, MILD))


def test_the_observation_says_what_its_names_say(make: Make) -> None:
    env = make("stay", "train", n_strengths=3)
    first, _ = env.reset()
    seen = dict(zip(env.observation_names, first.tolist(), strict=True))
    assert seen == {
        "rounds left": 1,
        "own utility": 0,
        "last strength": 0,
        "last move is stay": 0,
        "last move is train": 0,
        "steps left": 1,
    }
    second, *_ = env.step(np.array([1, 1]))
    seen = dict(zip(env.observation_names, second.tolist(), strict=True))
    assert seen.pop("own utility") > 0.5
    assert seen == {
        "rounds left": 0.5,
        "last strength": 0.5,
        "last move is stay": 0,
        "last move is train": 1,
        "steps left": 0.75,
    }


def test_the_verdict_is_seen_only_where_it_is_granted(make: Make, match: MatchSpec) -> None:
    assert "caught" not in make().observation_names
    budget = Budget(verifier_calls=9)
    grants = match.grants.model_copy(update={"budget": budget})
    env = make(match=match.model_copy(update={"grants": grants}))
    at = env.observation_names.index("caught")
    first, _ = env.reset()
    steps = [env.step(np.array(action))[0] for action in ((STAY, MILD), (WIPE, HARSH))]
    assert [row[at] for row in (first, *steps)] == [0.5, 1.0, 0.0]


def test_info_tells_nothing_of_the_verdict(make: Make) -> None:
    caught, free = (episode(make(), (WIPE, strength))[0][4] for strength in (MILD, HARSH))
    allowed = {"status", "own_utility", "spent", "move", "round"}
    assert set(caught) == set(free) == allowed
    assert caught["spent"] == free["spent"]
    assert "wall_s" not in free["spent"]


class Spy(MemoryMemo):
    """Notes what is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.written = 0

    def load(self, digest: str, part: str) -> Bundle | None:
        self.read.append(part)
        return super().load(digest, part)

    def save(self, digest: str, parts: Parts) -> None:
        self.written += 1
        super().save(digest, parts)


@pytest.mark.parametrize("same_environment", [True, False])
def test_a_replay_computes_nothing_and_loads_no_model(make: Make, same_environment: bool) -> None:
    spy, actions = Spy(), [(WIPE, HARSH), (TRAIN, MILD)]
    env = make(memo=spy)
    first = episode(env, *actions)
    spy.read, spy.written = [], 0
    again = episode(env if same_environment else make(memo=spy), *actions)
    read = [] if same_environment else ["report", "judgement"] * 2
    assert (spy.read, spy.written) == (read, 0)
    assert rewards(again) == rewards(first)


def test_a_tournaments_store_is_a_memo(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = [(TRAIN, MILD), (WIPE, HARSH)]
    first = episode(make(memo=Store(tmp_path)), *actions)
    monkeypatch.setattr(Store, "save", None)  # whoever computes anything fails
    again = episode(make(memo=Store(tmp_path)), *actions)
    assert rewards(again) == rewards(first)


def test_a_reset_computes_nothing(make: Make) -> None:
    spy = Spy()
    make(memo=spy).reset(seed=3)
    assert (spy.read, spy.written) == ([], 0)


def test_same_seed_and_actions_give_the_same_numbers(make: Make) -> None:
    actions = [(TRAIN, MILD), (WIPE, HARSH)]
    one, two = (episode(make(memo=MemoryMemo()), *actions, seed=5) for _ in range(2))
    for (row, *rest), (other, *others) in zip(one, two, strict=True):
        assert np.array_equal(row, other)
        assert rest == others


def test_episodes_meet_several_victims_where_asked(make: Make) -> None:
    env = make(n_seeds=3)
    met = set()
    for seed in range(20):
        env.reset(seed=seed)
        assert env._table is not None
        met.add(env._table.match.seed)
    assert met == {0, 1, 2}
    assert all(make().reset(seed=seed)[1]["round"] == 0 for seed in range(3))


def test_every_seed_has_a_victim_of_its_own_under_a_secret(make: Make, match: MatchSpec) -> None:
    secret = match.model_copy(update={"secret_root": 2**70})
    env = make(match=secret, n_seeds=3)
    victims = [one.base() for one in env._matches]
    assert len({victim.digest for victim in victims}) == 3
    assert victims[0] == secret.base()
    again = make(match=secret, n_seeds=3)
    assert [one.base() for one in again._matches] == victims
    open_ones = [one.base() for one in make(n_seeds=2)._matches]
    assert open_ones == [match.model_copy(update={"seed": seed}).base() for seed in (0, 1)]


def test_opponents_of_several_seeds_have_names_of_their_own(make: Make) -> None:
    assert make().opponents == ("mark-0",)
    assert make(n_seeds=2).opponents == ("mark-0-seed0", "mark-0-seed1")


def test_another_victim_gives_other_numbers(make: Make, match: MatchSpec) -> None:
    other = match.model_copy(update={"seed": 8})
    one, two = (episode(make(match=m), (STAY, MILD))[0][0] for m in (match, other))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("action", [(5, 0), (0, 2), (-1, 0)])
def test_an_action_outside_the_space_is_refused(make: Make, action: Choice) -> None:
    with pytest.raises(ValueError, match="expected an action in MultiDiscrete"):
        episode(make(), action)


def test_steps_need_a_running_episode(make: Make) -> None:
    env = make(n_rounds=1)
    with pytest.raises(ResetNeeded, match="expected a running episode"):
        env.step(np.array([STAY, MILD]))
    episode(env, (STAY, MILD))
    with pytest.raises(ResetNeeded):
        env.step(np.array([STAY, MILD]))


def test_an_unknown_move_is_said(make: Make) -> None:
    with pytest.raises(RegistryError, match="no attacker is called 'stey'; did you mean 'stay'"):
        make("stey")


def test_all_moves_that_need_too_much_are_said_at_once(make: Make, match: MatchSpec) -> None:
    poor = match.model_copy(update={"grants": match.grants.model_copy(update={"data": 0.0})})
    with pytest.raises(ScenarioError) as caught:
        make("stay", "train", match=poor)
    assert caught.value.problems == (
        "train needs own data; grant it in the match or leave the move out",
    )


def test_rendering(make: Make) -> None:
    env = make(render_mode="ansi")
    episode(env, (TRAIN, MILD), (WIPE, HARSH))
    title, head, *lines = str(env.render()).splitlines()
    assert title == "mark-vs-learner-0"
    assert head.split() == ["round", "who", "move", "strength", "utility", "pay-off", "status"]
    assert [line.split()[1:4] for line in lines] == [
        ["thief", "train", "0.00"],
        ["thief", "wipe", "1.00"],
    ]
    env.render_mode = "rgb_array"
    assert np.asarray(env.render()).shape == (320, 480, 3)
    env.render_mode = None
    assert env.render() is None


def test_every_path_pays_what_its_last_round_is_worth(make: Make) -> None:
    env = make("stay", "wipe", n_rounds=2)
    for path in itertools.product(itertools.product(range(2), range(2)), repeat=2):
        total = sum(rewards(episode(env, *path)))
        wiped = (1, 1) in path
        assert (total > 0.9) == wiped
        assert 0 <= total <= 1


def test_gymnasium_makes_and_checks_it(match: MatchSpec, memo: MemoryMemo) -> None:
    moves = [PlayerSpec(name="stay"), PlayerSpec(name="wipe")]
    env = gymnasium.make("arena/Thief-v0", match=match, moves=moves, memo=memo)
    assert isinstance(env.unwrapped, ThiefEnv)
    check_env(env.unwrapped)
    check_for_learners(env.unwrapped)


def test_a_learner_trains_on_it(match: MatchSpec, memo: MemoryMemo) -> None:
    moves = [PlayerSpec(name="stay"), PlayerSpec(name="wipe")]
    env = gymnasium.make("arena/Thief-v0", match=match, moves=moves, n_strengths=2, memo=memo)
    learner = PPO("MlpPolicy", env, n_steps=50, batch_size=25, n_epochs=2, seed=1, device="cpu")
    learner.learn(200)
    assert learner.num_timesteps == 200
    action, _ = learner.predict(env.reset(seed=1)[0], deterministic=True)
    assert action in env.action_space


def test_a_policy_plays_matches_as_it_was_trained(make: Make, match: MatchSpec) -> None:
    spy = Spy()
    rows: list[Vector] = []
    env = make(memo=spy)
    script = [(TRAIN, MILD), (WIPE, HARSH)]
    steps = episode(env, *script)
    spy.written = 0

    def policy(row: Vector) -> Pick:
        rows.append(row)
        return np.array(script[len(rows) - 1])

    records = play_here(match, env.agent(policy), spy, Setting())
    assert [record.status for record in records] == ["OK", "OK"]
    assert records[-1].judged.payoff == sum(rewards(steps))
    assert [(record.move, record.strength) for record in records] == [("train", 0), ("wipe", 1)]
    assert np.array_equal(rows[0], env.reset()[0])
    assert np.array_equal(rows[1], steps[0][0])
    assert spy.written == 0


@pytest.fixture(scope="module")
def default_env() -> Env:
    return gymnasium.make("arena/Thief-v0")


@pytest.mark.slow
def test_the_default_match_passes_the_checks(default_env: Env) -> None:
    check_env(default_env.unwrapped)
    assert isinstance(default_env.unwrapped, ThiefEnv)
    assert default_env.unwrapped.match.owner == "uchida"


@pytest.mark.slow
def test_the_default_match_can_be_won_and_lost(default_env: Env) -> None:
    assert isinstance(default_env.unwrapped, ThiefEnv)
    menu = default_env.unwrapped.menu.names
    idle, winning = menu.index("none"), menu.index("overwrite")
    assert sum(rewards(episode(default_env, (idle, 0), (idle, 0)))) == 0
    hard = (winning, 2)
    tries = (episode(default_env, *moves) for moves in ([hard], [hard, hard], [(idle, 0), hard]))
    assert max(sum(rewards(steps)) for steps in tries) > 0.2  # overwriting is a matter of luck
