"""What the arena must know of a stranger's class without importing its file: plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from arena.game.rules.innocents import Accused
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.messages import spoken
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense
from arena.game.sides.player import Dial, Player
from arena.world.json_values import Frozen, Json
from arena.world.kinds.interface import Output

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
OPTIONAL = (
    *("rederive", "exposed", "trigger_images", "drawn_triggers"),
    *("projection", "reprojected", "evidence"),
)
"""Methods that a scheme may have; a scheme that has none is not asked.

`null_test` is not among them: by what test a stranger's claim is measured the court decides, which
takes Student's t. Nor are `seeing` and `trial_exposed`, which serve commands that isolate nobody.
"""


class Traits(Frozen):
    """The class attributes of a player; those of the other side keep their defaults."""

    side: Literal["attack", "defense"]
    name: str
    title: str  # the class, for messages
    text: str = ""  # the first line of its docstring
    paper: str = ""
    dial: Dial | None = None
    control: bool = False
    quick: dict[str, Json] = Field(default_factory=dict)
    needs: ThreatModel = ThreatModel()
    victim: dict[str, Json] = Field(default_factory=dict)
    reads: Output = "weights"
    task_needs: frozenset[str] = frozenset()
    uses_nulls: bool = False
    invasive: bool = True
    answers_for: bool = False
    exposes: str = ""
    accuses: Accused = "model"
    statistic: tuple[str, Literal["low", "high"]] = ("", "high")
    strictness: frozenset[str] = frozenset({"level"})
    has: frozenset[str] = frozenset()  # those of `OPTIONAL` that it defines

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected a name of letters, digits and -._+, found {spoken(name)!r}")
        return name

    @field_validator("title", "text", "paper")
    @classmethod
    def _is_one_line(cls, text: str) -> str:
        return spoken(text)

    @classmethod
    def of(cls, player: type[Player]) -> Traits:
        """Return the traits of a class; runs where its file is imported."""
        own = {name: getattr(player, name) for name in cls.model_fields if hasattr(player, name)}
        own |= {"title": player.__name__, "text": player.summary()}
        for name in ("quick", "victim"):
            own[name] = dict(own.get(name, {}))
        own["side"] = "attack" if issubclass(player, Attack) else "defense"
        if issubclass(player, Defense):
            base: Mapping[str, object] = vars(Defense)
            own["has"] = {name for name in OPTIONAL if getattr(player, name) is not base[name]}
        return cls.model_validate(own)

    def attributes(self) -> dict[str, object]:
        """Return the class attributes for a class that stands for the stranger's."""
        hidden = {"side", "title", "text", "has"}
        own = {name: getattr(self, name) for name in type(self).model_fields if name not in hidden}
        if self.side == "defense":
            own = {name: value for name, value in own.items() if name not in ("needs", "victim")}
        return {**own, "has": self.has, "__doc__": self.text}
