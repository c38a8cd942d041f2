"""`arena list`: what can be named in a scenario, as lines and one by one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from arena.errors import RegistryError, did_you_mean
from arena.view.commands.find_scenario import shipped
from arena.view.lists.listing import PlayerSide, grants_in_words, players
from arena.world.json_values import Json

_NEEDS = {"attackers": "needs", "defenders": "reads"}  # what a side's needs are called


@dataclass(frozen=True)
class Lines:
    """A list as texts: a name for each column, and a row for each thing that can be named.

    Attributes:
        columns: what is said of each thing. rows: the texts.
        shown: the columns of the printed list, all where it is empty; the others on request.
        more: what else is known of a thing, by its name.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shown: tuple[str, ...] = ()
    more: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    def all_of(self, name: str) -> dict[str, Json]:
        """Return everything that is known of one thing.

        Raises:
            RegistryError: the list has none of that name.
        """
        names = [row[0] for row in self.rows]
        if name not in names:
            raise RegistryError(f"no such name in the list: {name!r}{did_you_mean(name, names)}")
        row = self.rows[names.index(name)]
        return {**dict(zip(self.columns, row, strict=True)), **self.more.get(name, {})}


def _players(side: PlayerSide) -> Lines:
    columns = ("name", "family", "what it does", _NEEDS[side], "dial", "paper")
    found = sorted(players(side), key=lambda player: (player.family, player.name))
    rows = [(p.name, p.family, p.summary, p.needs, p.dial, p.paper) for p in found]
    more: dict[str, dict[str, Json]] = {
        p.name: {"sections": dict(p.sections), "settings": [dict(s) for s in p.settings]}
        for p in found
    }
    return Lines(columns, tuple(rows), ("name", "family", "what it does"), more)


def _scenarios() -> Lines:
    rows = []
    for name, path in shipped().items():
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        task = raw.get("task", {})
        met = (len(thief.get("against", raw["owner"])) for thief in raw["thief"])
        n = sum(met) * raw.get("repeats", 1)
        described = raw.get("description", "")
        rows.append((name, described, task.get("data", ""), task.get("model", ""), str(n)))
    columns = ("name", "what it is", "data", "model", "matches")
    return Lines(columns, tuple(rows), ("name", "matches", "what it is"))


def _data() -> Lines:
    from arena.world.data import known  # with torch

    rows = [
        (
            info.name,
            str(info.classes),
            "x".join(str(size) for size in info.shape),
            f"{info.n_train:,}",
            f"{info.n_test:,}",
            info.origin,
        )
        for info in known()
    ]
    rows.append(("folder:PATH", "", "", "", "", "class folders of your own"))
    rows.append(("archive:PATH", "", "", "", "", "the same in a .tar, .tar.gz or .zip"))
    rows.append(("text:PATH", "", "", "", "", "a text file of your own, in UTF-8"))
    return Lines(("name", "classes", "one example", "train", "test", "from"), tuple(rows))


def _models() -> Lines:
    from arena.world.models import architectures  # with torch

    rows = [
        (
            name,
            info.summary,
            ", ".join(f"{key} = {value!r}" for key, value in info.defaults.items()),
        )
        for name, info in architectures().items()
    ]
    rows.append(("torchvision:NAME", "Any classifier of torchvision by its name there.", ""))
    columns = ("name", "what it is", "arguments and defaults")
    return Lines(columns, tuple(rows), columns[:2])


def _threats() -> Lines:
    from arena.game.rules.threat import PRESETS  # with torch

    rows = [(name, grants_in_words(preset)) for name, preset in PRESETS.items()]
    more: dict[str, dict[str, Json]] = {
        name: {"grants": preset.model_dump(mode="json", exclude_defaults=True)}
        for name, preset in PRESETS.items()
    }
    return Lines(("name", "what it grants"), tuple(rows), more=more)


KINDS: Mapping[str, tuple[str, Callable[[], Lines]]] = MappingProxyType(
    {
        "attackers": ("what a thief can play", lambda: _players("attackers")),
        "defenders": ("what an owner can protect with", lambda: _players("defenders")),
        "scenarios": ("the games that ship", _scenarios),
        "data": ("data sets to train on", _data),
        "models": ("architectures, with their arguments", _models),
        "threats": ("what a thief may be granted, by name", _threats),
    }
)
"""What can be listed: what it is, and what makes the list."""


def lines_of(kind: str) -> Lines:
    """Return what can be named of a kind.

    Raises:
        RegistryError: there is no such kind.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise RegistryError(f"expected the name of a list, found {kind!r}{hint}")
    return KINDS[kind][1]()
