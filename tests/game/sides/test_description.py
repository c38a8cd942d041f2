"""What players say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arena.game.sides.description import describe
from arena.game.sides.player import Player


@dataclass(frozen=True, kw_only=True)
class General(Player):
    """Trains it: the base class.

    What: it trains
    the model.
    Parameters: epochs; lr of Adam; share (of a batch, in [0, 1)); near, far (m) and the rest.
    Cost: much.

    A paragraph that is no section.
    """

    epochs: int = 3
    lr: float | None = None
    share: float = 0.5
    near: int = 0
    far: int = 1


@dataclass(frozen=True, kw_only=True)
class Special(General):
    """Trains it twice.

    Parameters of this variant: kind, the first or the second; share of all.
    Cost: twice as much.
    """

    kind: Literal["first", "second"] = "first"


def test_sections_come_in_order_and_from_base_classes_too() -> None:
    told = describe(Special)
    assert told.summary == "Trains it twice."
    assert list(told.sections) == ["What", "Parameters", "Parameters of this variant", "Cost"]
    assert told.sections["What"] == "it trains the model."
    assert told.sections["Cost"] == "twice as much."


def test_settings_have_a_type_a_default_and_the_nearest_meaning() -> None:
    settings = {setting.name: setting for setting in describe(Special).settings}
    assert [settings["kind"].type, settings["kind"].default] == ["'first' or 'second'", '"first"']
    assert [settings["lr"].type, settings["lr"].default] == ["float or none", "none"]
    meanings = {name: setting.meaning for name, setting in settings.items()}
    assert meanings == {
        "epochs": "passes over the data",
        "lr": "of Adam",
        "share": "of all",
        "near": "",
        "far": "m",
        "kind": "the first or the second",
    }
    assert describe(General).settings[2].meaning == "of a batch, in [0, 1)"
