"""Players and their registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import RegistryError
from arena.game.sides.attack import attacks
from arena.game.sides.player import Dial, Player, PlayerSpec, Registry


@dataclass(frozen=True, kw_only=True)
class Example(Player):
    """Turns a dial.

    More words.
    """

    dial: ClassVar[Dial] = Dial("epochs", 1, 21)

    epochs: int = 10
    rate: float = 0.5


@pytest.fixture
def registry() -> Registry[Player]:
    found: Registry[Player] = Registry("example", "no.such.group")
    found.register("example")(Example)
    return found


def test_a_player_shows_its_hyper_parameters() -> None:
    assert repr(Example(epochs=3)) == "Example(epochs=3, rate=0.5)"
    assert Example.summary() == "Turns a dial."
    assert Example().settings() == {"epochs": 10, "rate": 0.5}


@given(st.floats(0, 1))
def test_a_dial_stays_in_its_range_and_type(strength: float) -> None:
    turned = Example().at(strength)
    assert isinstance(turned.epochs, int)
    assert 1 <= turned.epochs <= 21
    assert turned.rate == 0.5


def test_a_dial_may_be_logarithmic() -> None:
    assert Dial("x", 1e-4, 1e-2, "log").at(0.5) == pytest.approx(1e-3)


@pytest.mark.parametrize("strength", [-0.1, 1.1])
def test_a_strength_is_a_share(strength: float) -> None:
    with pytest.raises(ValueError, match="expected a strength in"):
        Example().at(strength)


def test_a_player_without_a_dial_is_unchanged() -> None:
    plain = Player()
    assert plain.at(0.7) is plain


def test_a_player_is_made_from_its_name_and_settings(registry: Registry[Player]) -> None:
    made = registry.make(PlayerSpec(name="example", settings={"epochs": 2}))
    assert made == Example(epochs=2)
    assert made.name == "example"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (PlayerSpec(name="exmple"), "no example is called 'exmple'; did you mean 'example'?"),
        (
            PlayerSpec(name="example", settings={"epoch": 1}),
            "example 'example' has no setting 'epoch'; did you mean 'epochs'?",
        ),
        (
            PlayerSpec(name="example", settings={"rate": "high"}),
            "example 'example': setting 'rate': input should be a valid number, found 'high'",
        ),
        (
            PlayerSpec(name="example", settings={"rate": "0.5"}),
            "example 'example': setting 'rate': input should be a valid number, found '0.5'",
        ),
        (
            PlayerSpec(name="example", settings={"epochs": True}),
            "example 'example': setting 'epochs': input should be a valid integer, found True",
        ),
    ],
)
def test_a_wrong_specification_is_one_sentence(
    registry: Registry[Player], spec: PlayerSpec, sentence: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        registry.make(spec)
    assert str(caught.value) == sentence


def test_a_name_is_taken_once(registry: Registry[Player]) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Other(Player):
        """Another."""

    with pytest.raises(RegistryError, match="'example' is taken by Example; choose another"):
        registry.register("example")(Other)


def test_shipped_players_are_found_through_their_entry_point() -> None:
    assert {"none", "ft-ll", "ft-al", "rt-ll", "rt-al"} <= set(attacks.classes())
