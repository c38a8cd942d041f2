"""The control of the owners."""

from __future__ import annotations

from collections.abc import Callable

from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.nothing import NoDefense


def test_the_model_is_released_as_it_is(owner_task: OwnerTask) -> None:
    assert NoDefense().protect(owner_task, Rng(0)).model.digest() == owner_task.base().digest()


def test_nobody_is_accused_not_even_of_stealing_the_model_itself(
    owner_task: OwnerTask, suspect: Callable[[Model], Suspect]
) -> None:
    protected = NoDefense().protect(owner_task, Rng(0))
    verdict = NoDefense().verify(protected.key, suspect(protected.model), Rng(0))
    assert not verdict.is_copy
    assert verdict.p_value == 1
    assert verdict.rescaled < 0.5


def test_no_seed_and_no_triggers_are_kept(owner_task: OwnerTask) -> None:
    key = NoDefense().protect(owner_task, Rng(0)).key
    assert (key.seed, dict(key.tensors)) == ("", {})
    assert NoDefense().rederive(key) is None
    assert NoDefense().trigger_images(key) is None
