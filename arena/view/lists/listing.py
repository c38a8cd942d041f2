"""What `arena list` says of players: gathered from the registries, remembered until they change.

To ask a registry is to import every player, and with them torch, which takes longer than a person
waits for a list. So the lines are kept in the cache folder under a stamp of every source file that
they could depend on.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import arena
from arena.world.files.atomic_write import write_whole
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import digest, from_json

if TYPE_CHECKING:
    from arena.game.rules.threat import ThreatModel
    from arena.game.sides.player import Player

PlayerSide = Literal["attackers", "defenders"]
GROUPS: dict[PlayerSide, str] = {
    "attackers": "copyright_arena.attackers",
    "defenders": "copyright_arena.defenders",
}


@dataclass(frozen=True)
class Listed:
    """A player in words.

    Attributes:
        name: how a scenario calls it. family: the folder or the package that it is in.
        summary: what it does, in one line.
        needs: of an attacker, the least that it must be granted; of a defender, what it reads.
        dial: what its strength turns, and over what range. paper: authors, venue, year.
        sections: what else its docstring says, by heading.
        settings: its hyper-parameters, each with name, type, default and meaning.
    """

    name: str
    family: str
    summary: str
    needs: str
    dial: str
    paper: str
    sections: dict[str, str]
    settings: list[dict[str, str]]


def players(side: PlayerSide) -> list[Listed]:
    """Return every player of a side by name, from memory where no source has changed."""
    cache = cache_folder()
    if cache is None:
        return gather(side)
    path = cache / "lists" / f"{side}-{_stamp(side)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return [Listed(**line) for line in from_json(path.read_text(encoding="utf-8"))]
    found = gather(side)
    text = json.dumps([asdict(line) for line in found])
    with contextlib.suppress(OSError):  # a list that cannot be remembered is made again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    return found


def _stamp(side: PlayerSide) -> str:
    """Return what changes when a source changes that the list of a side could depend on."""
    entries = sorted(entry_points(group=GROUPS[side]), key=lambda entry: (entry.name, entry.value))
    sources = [[entry.name, entry.value, _files(entry)] for entry in entries]
    own = [_state(path) for path in _below(Path(arena.__file__).parent)]
    return digest([arena.__version__, own, sources])[:16]


def _files(entry: EntryPoint) -> list[list[str | int]]:
    """Return the state of every source of an entry point's package; nothing of it is imported."""
    package = entry.module.partition(".")[0]
    if entry.dist is not None and entry.dist.name == arena.DISTRIBUTION:
        return [_state(path) for path in _below(arena.ROOT / package)]
    spec = find_spec(package)
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders is None:
        return [_state(Path(spec.origin))] if spec.origin else []
    return [_state(path) for folder in folders for path in _below(Path(folder))]


def _below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _state(path: Path) -> list[str | int]:
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def gather(side: PlayerSide) -> list[Listed]:
    """Return every player of a side by name, from its registry."""
    return list(_attackers() if side == "attackers" else _defenders())


def _attackers() -> Iterator[Listed]:
    from arena.game.sides.attack import attacks

    for name, player in attacks.classes().items():
        yield _listed(name, player, needs_in_words(player.needs))


def _defenders() -> Iterator[Listed]:
    from arena.game.sides.defense import defenses

    for name, player in defenses.classes().items():
        yield _listed(name, player, player.reads)


def _listed(name: str, player: type[Player], needs: str) -> Listed:
    from arena.game.sides.description import describe

    told = describe(player)
    return Listed(
        name=name,
        family=family_of(player),
        summary=told.summary,
        needs=needs + _of_task(player),
        dial=dial_in_words(player),
        paper=player.paper,
        sections=dict(told.sections),
        settings=[asdict(setting) for setting in told.settings],
    )


def family_of(player: type[Player]) -> str:
    """Return the folder of a player in its package, the package itself, or "control"."""
    if player.control:
        return "control"
    parts = player.__module__.split(".")
    return parts[1] if len(parts) > 2 else parts[0]


def _of_task(player: type[Player]) -> str:
    """Return what a player with its default settings needs of a task, as the game reads it."""
    needs = sorted(player().needs_of_task)
    return f"; task: {', '.join(needs)}" if needs else ""


def needs_in_words(needs: ThreatModel) -> str:
    """Return the least that an attack must be granted, in words.

    >>> from arena.game.rules.threat import ThreatModel
    >>> needs_in_words(ThreatModel(output="weights", data=1, data_labels=True))
    'weights, own labelled data'
    """
    from arena.game.rules.threat import FORMS

    given = type(needs)()
    words: list[str] = [] if needs.output == given.output else [needs.output]
    if needs.data:
        words.append("own labelled data" if needs.data_labels else "own data")
    words += [f"{kind} data" for kind in ("pool", "transfer") if getattr(needs, kind)]
    flags = ("real_inputs", "double", "precommit")
    words += [flag.replace("_", " ") for flag in flags if getattr(needs, flag)]
    words += [f"knows {what}" for what in sorted(needs.knows)]
    words += [f"delivers {FORMS[kind]}" for kind in sorted(needs.deliverables - given.deliverables)]
    return ", ".join(words) or "nothing"


def grants_in_words(grants: ThreatModel) -> str:
    """Return what a threat model grants, in words: as `needs_in_words`, and how little of it."""
    words = [needs_in_words(grants)]
    if 0 < grants.data < 1:
        words.append(f"{100 * grants.data:.3g} % of the thief's data")
    if grants.decimals is not None:
        words.append(f"answers of {grants.decimals} decimals")
    limits = grants.budget.model_dump(exclude_defaults=True)
    words += [f"at most {limit:,} {meter.replace('_', ' ')}" for meter, limit in limits.items()]
    return ", ".join(words)


def dial_in_words(player: type[Player]) -> str:
    """Return what the strength of a move turns, and over what range."""
    dial = player.dial
    return f"{dial.field}: {dial.low:g} to {dial.high:g}" if dial else ""
