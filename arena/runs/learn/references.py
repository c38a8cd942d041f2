"""`learned:PATH` in a scenario: what a learned player plays takes the place of its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arena.errors import ScenarioError
from arena.runs.learn.learned_player import Side, read_learned
from arena.runs.scenario_errors import place
from arena.world.json_values import Raw

PREFIX = "learned:"


def located(tables: Raw, folder: Path) -> Raw:
    """Return a scenario's tables with the paths of learned players as seen from here.

    >>> located({"moves": ["learned:mine", "prune"]}, Path("games"))
    {'moves': ['learned:games/mine', 'prune']}
    """
    if isinstance(tables, dict):
        return {key: located(value, folder) for key, value in tables.items()}
    if isinstance(tables, list):
        return [located(value, folder) for value in tables]
    if not isinstance(tables, str) or not tables.startswith(PREFIX) or folder == Path():
        return tables
    return f"{PREFIX}{folder / Path(tables.removeprefix(PREFIX)).expanduser()}"


def resolved(tables: Raw, text: str) -> Raw:
    """Return a scenario's tables with what learned players play in the place of their names.

    Args:
        tables: as a TOML file has them. What a player's own table says wins over what it learnt.
        text: the file's text, for the numbers of lines in what is said.

    Raises:
        ScenarioError: a learned player cannot be read, with its line; all of them at once.
    """
    found, problems = dict(tables), []
    for side, where, path in _references(tables):
        own: dict[str, Any] = dict(found[side][where])
        try:
            learned = read_learned(path, side).table
        except ScenarioError as error:
            problems += [place(text, (side, where)) + problem for problem in error.problems]
            continue
        usual = {"name": path.name} if side == "owner" else {}
        del own["scheme" if side == "owner" else "moves"]
        found[side] = list(found[side])
        found[side][where] = {**usual, **learned, **own}
    if problems:
        raise ScenarioError(problems)
    return found


def _references(tables: Raw) -> Iterator[tuple[Side, int, Path]]:
    """Yield the side, the position and the folder of every learned player."""
    named: tuple[tuple[Side, str], ...] = (("owner", "scheme"), ("thief", "moves"))
    for side, key in named:
        listed = tables.get(side)
        for where, table in enumerate(listed if isinstance(listed, list) else []):
            value = table.get(key) if isinstance(table, dict) else None
            name = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(name, str) and name.startswith(PREFIX):
                yield side, where, Path(name.removeprefix(PREFIX)).expanduser()
