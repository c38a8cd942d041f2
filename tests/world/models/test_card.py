"""The card of a model: what it accepts, what it refuses, how it travels."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ModelError
from arena.world.json_values import Json, canonical
from arena.world.models import ModelCard

GOOD: dict[str, Json] = {
    "architecture": "lenet5",
    "n_classes": 10,
    "input_shape": [1, 28, 28],
    "mean": [0.5],
    "std": [0.25],
}


def test_title_shows_the_arguments() -> None:
    assert ModelCard.read(GOOD).title == "lenet5"
    assert ModelCard.read({**GOOD, "arguments": {"norm": "batch"}}).title == "lenet5(norm='batch')"


def test_a_card_is_immutable_and_not_resized_by_default() -> None:
    card = ModelCard.read(GOOD)
    assert not card.resized
    with pytest.raises(ValueError, match="frozen"):
        card.n_classes = 3  # type: ignore[misc]  # the fault


def test_tuples_become_lists_so_that_a_card_that_travelled_is_equal() -> None:
    card = ModelCard.read({**GOOD, "architecture": "mlp", "arguments": {"hidden": (8, 4)}})
    assert card.arguments == {"hidden": [8, 4]}
    assert ModelCard.read(json.loads(canonical(card.plain()))) == card


def test_two_cards_share_no_default_arguments() -> None:
    first, second = ModelCard.read(GOOD), ModelCard.read(GOOD)
    assert first.arguments is not second.arguments


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_classes": 1}, "n_classes lies in"),
        ({"n_classes": 10**9}, "n_classes lies in"),
        ({"input_shape": []}, "input_shape holds"),
        ({"input_shape": [1, 0, 28]}, "input_shape holds"),
        ({"input_shape": [1] * 9}, "input_shape holds"),
        ({"input_shape": [1, 10**6, 10**6]}, "input_shape holds"),
        ({"mean": [0.5, 0.5]}, "mean holds 1 or 1 finite numbers"),
        ({"mean": []}, "mean holds"),
        ({"mean": [float("nan")]}, "mean holds"),
        ({"std": [float("inf")]}, "std holds"),
        ({"std": [0.0]}, "std is above 0"),
        ({"std": [-1.0]}, "std is above 0"),
        ({"arguments": {"norm": object()}}, "plain JSON"),
        ({"arguments": {"width": float("nan")}}, "plain JSON"),
        ({"n_classes": "many"}, "n_classes: Input should be"),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"architecture": None}, "architecture: Input should be"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(change: dict[str, Json], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        ModelCard.read({**GOOD, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, [], "lenet5", {}])
def test_what_is_no_card_at_all_is_refused(value: Json) -> None:
    with pytest.raises(ModelError, match="card is not valid"):
        ModelCard.read(value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ModelError, match=r"n_classes.*mean.*std"):
        ModelCard.read({**GOOD, "n_classes": 0, "mean": [], "std": [0.0]})


def test_the_constructor_refuses_too() -> None:
    with pytest.raises(ModelError, match="std is above 0"):
        ModelCard(architecture="softmax", n_classes=2, input_shape=(4,), mean=(0.0,), std=(0.0,))


@given(
    n_columns=st.integers(1, 6),
    mean=st.floats(-5, 5),
    std=st.floats(0.01, 5),
    n_classes=st.integers(2, 50),
)
def test_a_card_survives_json(n_columns: int, mean: float, std: float, n_classes: int) -> None:
    card = ModelCard(
        architecture="softmax",
        n_classes=n_classes,
        input_shape=(n_columns,),
        mean=(mean,) * n_columns,
        std=(std,),
    )
    assert ModelCard.read(json.loads(canonical(card.plain()))) == card
