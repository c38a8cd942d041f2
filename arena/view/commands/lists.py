"""`arena list`: what can be named in a scenario."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena.errors import RegistryError, did_you_mean
from arena.view.commands.find_scenario import shipped
from arena.view.commands.listing import Side, players

_NEEDS = {"attackers": "needs", "defenders": "reads"}  # what a side's needs are called


def _players(side: Side) -> Table:
    table = _table("name", "what it does", _NEEDS[side], "dial", "paper")
    for line in players(side):
        _row(table, line.name, line.summary, line.needs, line.dial, line.paper)
    return table


def _scenarios() -> Table:
    table = _table("name", "what it is", "data", "model", "matches")
    for name, path in shipped().items():
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        task = raw.get("task", {})
        n = len(raw["owner"]) * len(raw["thief"]) * raw.get("repeats", 1)
        described = raw.get("description", "")
        _row(table, name, described, task.get("data", ""), task.get("model", ""), str(n))
    return table


def _data() -> Table:
    from arena.world.data import known  # with torch

    table = _table("name", "classes", "one example", "train", "test", "from")
    for info in known():
        shape = "x".join(str(size) for size in info.shape)
        sizes = (f"{info.n_train:,}", f"{info.n_test:,}")
        _row(table, info.name, str(info.classes), shape, *sizes, info.origin)
    _row(table, "folder:PATH", "", "", "", "", "class folders of your own")
    _row(table, "archive:PATH", "", "", "", "", "the same in a .tar, .tar.gz or .zip")
    return table


def _models() -> Table:
    from arena.world.models import architectures  # with torch

    table = _table("name", "what it is", "arguments and defaults")
    for name, info in architectures().items():
        arguments = ", ".join(f"{key} = {value!r}" for key, value in info.defaults.items())
        _row(table, name, info.summary, arguments)
    _row(table, "torchvision:NAME", "Any classifier of torchvision by its name there.", "")
    return table


_LISTS: Mapping[str, Callable[[], Table]] = MappingProxyType(
    {
        "attackers": lambda: _players("attackers"),
        "defenders": lambda: _players("defenders"),
        "scenarios": _scenarios,
        "data": _data,
        "models": _models,
    }
)


def show_list(kind: str) -> None:
    """Print the list of that kind.

    Raises:
        RegistryError: there is no such kind.
    """
    if kind not in _LISTS:
        hint = did_you_mean(kind, _LISTS)
        raise RegistryError(f"expected the name of a list, found {kind!r}{hint}")
    Console().print(_LISTS[kind]())


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="cyan", pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)  # names are typed as they stand
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(cell) for cell in cells))
