"""`learned:PATH` in a scenario: what a learned player plays takes the place of its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ScenarioError
from arena.game.envs.learned_agent import Learned
from arena.game.rules.threat import ThreatModel
from arena.runs.learn.learned_player import Side, read_learned
from arena.runs.learn.network import agent_of, read_network
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

    A thief whose network chooses as it goes keeps its name: `learned_agent` reads it.

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
        usual: dict[str, Any] = {"name": path.name} if side == "owner" else {"moves": own["moves"]}
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
            path = folder_of(value if isinstance(value, list) else [value])
            if path is not None:
                yield side, where, path


def folder_of(moves: Sequence[object]) -> Path | None:
    """Return the folder of the learned player that a thief's moves name; None where they do not.

    >>> folder_of(["learned:mine"]), folder_of(["prune", "ft-al"])
    (PosixPath('mine'), None)
    """
    name = moves[0] if len(moves) == 1 else None
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return None
    return Path(name.removeprefix(PREFIX)).expanduser()


def learned_agent(folder: Path, grants: ThreatModel) -> Learned:
    """Return the thief in a folder whose network chooses its moves as it goes.

    Raises:
        ScenarioError: it cannot be read, or learnt under another threat model.
        RegistryError: a player of its menu is not known.
    """
    form = read_learned(folder, "thief").network
    if form is None:
        raise ScenarioError([f"expected a network in {folder}, found a plan; read it again"])
    return agent_of(read_network(folder, form), grants)
