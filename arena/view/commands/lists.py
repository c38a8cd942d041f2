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
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.player import Player
from arena.view.commands.find_scenario import shipped
from arena.world.data import known
from arena.world.models import architectures

_GIVEN = ThreatModel()


def needs_in_words(needs: ThreatModel) -> str:
    """Return the least that an attack must be granted, in words.

    >>> needs_in_words(ThreatModel(output="weights", data=1, data_labels=True))
    'weights, own labelled data'
    """
    words: list[str] = [] if needs.output == _GIVEN.output else [needs.output]
    if needs.data:
        words.append("own labelled data" if needs.data_labels else "own data")
    words += [f"{kind} data" for kind in ("pool", "transfer") if getattr(needs, kind)]
    flags = ("real_inputs", "double", "precommit")
    words += [flag.replace("_", " ") for flag in flags if getattr(needs, flag)]
    words += [f"knows {what}" for what in sorted(needs.knows)]
    words += [f"delivers a {kind}" for kind in sorted(needs.deliverables - _GIVEN.deliverables)]
    return ", ".join(words) or "nothing"


def dial_in_words(player: type[Player]) -> str:
    """Return what the strength of a move turns, and over what range."""
    dial = player.dial
    return f"{dial.field}: {dial.low:g} to {dial.high:g}" if dial else ""


def _attackers() -> Table:
    table = _table("name", "what it does", "needs", "dial", "paper")
    for name, player in attacks.classes().items():
        _row(table, name, player.summary(), _needs(player), dial_in_words(player), player.paper)
    return table


def _needs(player: type[Attack]) -> str:
    return needs_in_words(player.needs) + _task_needs(player)


def _defenders() -> Table:
    table = _table("name", "what it does", "reads", "dial", "paper")
    for name, player in defenses.classes().items():
        _row(table, name, player.summary(), _reads(player), dial_in_words(player), player.paper)
    return table


def _reads(player: type[Defense]) -> str:
    return player.reads + _task_needs(player)


def _task_needs(player: type[Player]) -> str:
    """Return what a player with its default settings needs of a task, as the game reads it."""
    needs = sorted(player().needs_of_task)
    return f"; task: {', '.join(needs)}" if needs else ""


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
    table = _table("name", "classes", "one example", "train", "test", "from")
    for info in known():
        shape = "x".join(str(size) for size in info.shape)
        sizes = (f"{info.n_train:,}", f"{info.n_test:,}")
        _row(table, info.name, str(info.classes), shape, *sizes, info.origin)
    _row(table, "folder:PATH", "", "", "", "", "class folders of your own")
    _row(table, "archive:PATH", "", "", "", "", "the same in a .tar, .tar.gz or .zip")
    return table


def _models() -> Table:
    table = _table("name", "what it is", "arguments and defaults")
    for name, info in architectures().items():
        arguments = ", ".join(f"{key} = {value!r}" for key, value in info.defaults.items())
        _row(table, name, info.summary, arguments)
    _row(table, "torchvision:NAME", "Any classifier of torchvision by its name there.", "")
    return table


_LISTS: Mapping[str, Callable[[], Table]] = MappingProxyType(
    {
        "attackers": _attackers,
        "defenders": _defenders,
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
