"""`arena list`: what can be named in a scenario."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena.errors import RegistryError, did_you_mean
from arena.view.commands.find_scenario import shipped
from arena.view.commands.listing import PlayerSide, needs_in_words, players

_NEEDS = {"attackers": "needs", "defenders": "reads"}  # what a side's needs are called


@dataclass(frozen=True)
class Lines:
    """A list as texts: a name for each column, and a row for each thing that can be named."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _players(side: PlayerSide) -> Lines:
    columns = ("name", "what it does", _NEEDS[side], "dial", "paper")
    return Lines(columns, tuple(astuple(player) for player in players(side)))


def _scenarios() -> Lines:
    rows = []
    for name, path in shipped().items():
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        task = raw.get("task", {})
        n = len(raw["owner"]) * len(raw["thief"]) * raw.get("repeats", 1)
        described = raw.get("description", "")
        rows.append((name, described, task.get("data", ""), task.get("model", ""), str(n)))
    return Lines(("name", "what it is", "data", "model", "matches"), tuple(rows))


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
    return Lines(("name", "what it is", "arguments and defaults"), tuple(rows))


def _threats() -> Lines:
    from arena.game.rules.threat import PRESETS  # with torch

    rows = [(name, needs_in_words(preset)) for name, preset in PRESETS.items()]
    return Lines(("name", "what it grants"), tuple(rows))


_LISTS: Mapping[str, Callable[[], Lines]] = MappingProxyType(
    {
        "attackers": lambda: _players("attackers"),
        "defenders": lambda: _players("defenders"),
        "scenarios": _scenarios,
        "data": _data,
        "models": _models,
        "threats": _threats,
    }
)


def lines_of(kind: str) -> Lines:
    """Return what can be named of a kind.

    Raises:
        RegistryError: there is no such kind.
    """
    if kind not in _LISTS:
        hint = did_you_mean(kind, _LISTS)
        raise RegistryError(f"expected the name of a list, found {kind!r}{hint}")
    return _LISTS[kind]()


def show_list(kind: str) -> None:
    """Print the list of that kind; raises like `lines_of`."""
    lines = lines_of(kind)
    table = Table(box=box.SIMPLE_HEAD, header_style="cyan", pad_edge=False)
    for i, column in enumerate(lines.columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)  # names are typed as they stand
    for row in lines.rows:
        table.add_row(*map(Text, row))
    Console().print(table)
