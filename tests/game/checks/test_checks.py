import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arena.errors import RegistryError
from arena.game.checks import ATTACK_CHECKS, DEFENSE_CHECKS, Check, Problem, load_player
from arena.game.checks.audit import Watch
from arena.game.checks.fixtures import LIMITS, stage, trial_budget
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense
from arena.world.models import build
from arena.world.rng import Rng

PLAYERS = '''
from dataclasses import dataclass
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense

@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Does nothing."""
    def run(self, access, rng):
        return None

@dataclass(frozen=True, kw_only=True)
class Yours(Defense):
    """Does nothing either."""
    def protect(self, task, rng):
        return None
    def examine(self, key, suspect, rng):
        return None

class NoPlayer:
    pass
'''


def file_of(tmp_path: Path, text: str, name: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.fixture
def players(tmp_path: Path) -> Iterator[Path]:
    yield file_of(tmp_path, PLAYERS, "own_players.py")
    sys.modules.pop("own_players", None)


def test_players_are_loaded_from_a_file(players: Path) -> None:
    assert issubclass(load_player(f"{players}:Mine"), Attack)
    assert issubclass(load_player(f"{players}:Yours"), Defense)


def test_a_file_is_imported_once(players: Path) -> None:
    assert load_player(f"{players}:Mine") is load_player(f"{players}:Mine")


def test_a_relative_path_names_the_same_player(
    players: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(players.parent)
    assert load_player("own_players.py:Mine") is load_player(f"{players}:Mine")


@pytest.mark.parametrize("spec", ["players.py", "players.py:", "players:Mine", "players.py:1x", ""])
def test_the_form_is_checked(spec: str) -> None:
    with pytest.raises(RegistryError, match=r"expected FILE\.py:Class, found"):
        load_player(spec)


def test_a_missing_file_is_said() -> None:
    with pytest.raises(
        RegistryError, match=r"expected a Python file with players at .*, found none"
    ):
        load_player("nowhere.py:Mine")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Mina", "did you mean 'Mine'"), ("NoPlayer", "known are"), ("Attack", "known are")],
)
def test_a_missing_class_is_said(players: Path, name: str, hint: str) -> None:
    with pytest.raises(
        RegistryError, match=rf"called '{name}' in own_players\.py, found none; {hint}"
    ):
        load_player(f"{players}:{name}")


def test_a_broken_file_is_said_and_forgotten(tmp_path: Path) -> None:
    path = file_of(tmp_path, "1 / 0", "broken_players.py")
    with pytest.raises(
        RegistryError, match=r"broken_players\.py cannot be imported: ZeroDivisionError"
    ):
        load_player(f"{path}:Mine")
    assert "broken_players" not in sys.modules


def test_a_file_must_not_be_called_like_a_module(tmp_path: Path) -> None:
    path = file_of(tmp_path, PLAYERS, "json.py")
    with pytest.raises(RegistryError, match=r"another module is called 'json'; rename the file"):
        load_player(f"{path}:Mine")


def breaks_its_word(trial: str) -> Iterator[str]:
    """Nobody does that."""
    yield f"{trial} did"


def stumbles(trial: str) -> Iterator[str]:
    """Raises before it is asked."""
    raise KeyError(trial)
    yield


def test_a_check_has_a_name_and_a_sentence() -> None:
    check = Check(breaks_its_word)
    assert (check.name, check.sentence) == ("breaks-its-word", "Nobody does that.")
    assert check.problems("Eve") == [Problem("breaks-its-word", "Eve did")]
    assert str(check.problems("Eve")[0]) == "breaks-its-word: Eve did"


def test_what_a_player_raises_is_a_problem() -> None:
    assert [str(found) for found in Check(stumbles).problems("x")] == [
        "stumbles: expected an answer, the player raised KeyError: 'x'"
    ]


@pytest.mark.parametrize("checks", [ATTACK_CHECKS, DEFENSE_CHECKS])
def test_every_check_has_a_name_of_its_own_and_a_sentence(checks: Sequence[Check[Any]]) -> None:
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.sentence.endswith(".") for check in checks)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.rand(1),
        lambda: np.random.rand(),
        functools.partial(torch.default_generator.manual_seed, 5),
    ],
)
def test_global_draws_are_seen(draw: Callable[[], object]) -> None:
    states = torch.get_rng_state(), np.random.get_state()
    watch = Watch()
    with watch.open():
        draw()
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    assert watch.drew


def test_own_generators_are_not_global() -> None:
    watch = Watch()
    with watch.open():
        torch.rand(1, generator=Rng(1).torch())
        Rng(1).numpy().random()
        build(stage().task.card, Rng(1))  # layers draw from a forked default generator
    assert not watch.drew


def test_steps_and_images_are_counted_unless_paused() -> None:
    model = build(stage().task.card, Rng(1))
    optimiser = torch.optim.Adam(model.parameters())
    watch = Watch()

    def work() -> None:
        model(torch.zeros(3, *model.card.input_shape)).sum().backward()
        optimiser.step()

    with watch.open():
        work()
        with watch.paused():
            work()
        model(torch.zeros(1, *model.card.input_shape))  # one image alone is a probe
    work()
    assert (watch.steps, watch.images) == (1, 3)


def test_the_trial_takes_the_lower_limit() -> None:
    own = Budget(images_queried=7, steps=10**9, calls=3)
    budget = trial_budget(own)
    assert (budget.images_queried, budget.calls) == (7, 3)
    assert (budget.steps, budget.images_forward) == (LIMITS.steps, LIMITS.images_forward)
    assert budget.verifier_calls == 0


def test_the_stage_is_set_once_and_lends_copies() -> None:
    victim = stage().victim()
    with torch.no_grad():
        next(victim.parameters()).zero_()
    assert stage() is stage()
    assert stage({"model": "softmax"}).victim().card.architecture == "softmax"
    assert stage().victim().digest() != victim.digest()


def test_innocents_are_useful_and_none_calibrates() -> None:
    innocents = stage().innocents()
    assert all(stage().utility(model) > 0.8 for model in innocents.values())
    nulls = {model.digest() for model in stage().nulls()}
    assert len(nulls) == 6
    assert not nulls & {model.digest() for model in innocents.values()}


def test_pool_and_transfer_fit_the_task_and_are_granted_on_demand() -> None:
    task = stage().task
    assert stage().pool().input_shape == stage().transfer().input_shape == task.card.input_shape
    assert stage().transfer().n_classes == 2
    bare = stage().gate(ThreatModel())
    assert (bare.data, bare.pool, bare.transfer) == (None, None, None)
    rich = stage().gate(ThreatModel(data=1, pool="*", transfer="*", knows=frozenset({"tests"})))
    assert rich.data is not None
    assert len(rich.data) == len(task.splits.thief)
    tests = rich.exposed.tensors
    for box in ("blackbox", "whitebox"):
        assert tests[f"{box}_labels"].shape == tests[f"{box}_images"].shape[:1]
    assert rich.exposed.data["layer"] in dict(rich.victim.named_modules())
    assert rich.pool is not None
    assert rich.transfer is not None
