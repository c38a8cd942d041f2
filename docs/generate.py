"""Write the pages of the documentation that are made from the code.

    python docs/generate.py

`docs/reference/`: keys of scenario files, threat presets, every player with its settings.
`docs/api/`: a page for each package; its sources are read when the site is built.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from arena.game.match.play import Pools
from arena.game.rules.threat import PRESETS, Budget, ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import Registry
from arena.runs.scenario import Limits, Move, OwnerTable, Scenario, ThiefTable, ThreatTable
from arena.world.splits import Shares
from arena.world.task import TaskTable
from arena.world.training import Recipe

DOCS = Path(__file__).resolve().parent
PACKAGES = ("arena", "attackers", "defenders")
TABLES: Mapping[str, type[BaseModel]] = {
    "The file": Scenario,
    "`[task]`": TaskTable,
    "`[task.recipe]`": Recipe,
    "`[task.shares]`": Shares,
    "`[innocents]`": Pools,
    "`[limits]`": Limits,
    "`[[owner]]`": OwnerTable,
    "`[[thief]]`": ThiefTable,
    "A move of `moves`": Move,
    "`threat` as a table": ThreatTable,
    "Keys of `threat.grant`": ThreatModel,
    "Keys of `threat.budget`": Budget,
}


def main() -> None:
    """Write every page anew."""
    pages = {
        "reference/scenario.md": scenario_page(),
        "reference/presets.md": presets_page(),
        "reference/attackers.md": players_page("Attackers", attacks),
        "reference/defenders.md": players_page("Defenders", defenses),
        **api_pages(),
    }
    for folder in ("reference", "api"):
        for old in (DOCS / folder).glob("*.md"):
            old.unlink()
    for name, text in pages.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.rstrip() + "\n", encoding="utf-8")


def scenario_page() -> str:
    """Return the page on every key of a scenario file."""
    parts = ["# Scenario files\n\nA tournament in TOML. A key that is not here is refused.\n"]
    for title, table in TABLES.items():
        parts.append(f"## {title}\n\n{inspect.getdoc(table)}\n")
        remarks = remarks_of(table)
        rows = []
        for name, field in table.model_fields.items():
            cells = (f"`{name}`", f"`{_type(field.annotation)}`", _shown(field.get_default()))
            rows.append((*cells, remarks[name]))
        parts.append(markdown(("key", "type", "default", "what it is"), rows))
    return "\n".join(parts)


def presets_page() -> str:
    """Return the page on the named threat models."""
    usual = ThreatModel()
    parts = [
        "# Threat presets\n\nWhat a thief is granted, by name. What a preset does not say is as "
        "in a threat model without a name: see [scenario files](scenario.md).\n"
    ]
    for name, model in PRESETS.items():
        told = {key: value for key, value in model if value != getattr(usual, key)}
        if "budget" in told:
            told["budget"] = {key: value for key, value in model.budget if value is not None}
        rows = [(f"`{key}`", _shown(value)) for key, value in told.items()]
        parts.append(f"## {name}\n\n{markdown(('grants', 'value'), rows)}")
    return "\n".join(parts)


def players_page(title: str, registry: Registry[Any]) -> str:
    """Return the page on all registered players of a side."""
    parts = [f"# {title}\n"]
    for name, player in registry.classes().items():
        what = (inspect.getdoc(player) or "").replace("\n    ", "\n")
        rows = [
            (f"`{field.name}`", f"`{field.type}`", _shown(_default(field)))
            for field in dataclasses.fields(player)
        ]
        parts.append(f"## {name}\n\n{paragraphs(what)}\n")
        parts.append(markdown(("setting", "type", "default"), rows))
    return "\n".join(parts)


def paragraphs(docstring: str) -> str:
    """Return a player's docstring with each of its headings in bold and a paragraph of its own."""
    return re.sub(r"^([A-Z][a-z]+(?: [a-z]+){0,3}): ", r"\n**\1.** ", docstring, flags=re.MULTILINE)


def api_pages() -> dict[str, str]:
    """Return a page for each package, which lists its modules for mkdocstrings."""
    pages, links = {}, []
    for top in PACKAGES:
        for init in sorted((DOCS.parent / top).rglob("__init__.py")):
            package = ".".join(init.parent.relative_to(DOCS.parent).parts)
            modules = sorted(path.stem for path in init.parent.glob("[!_]*.py"))
            sections = [f"::: {package}\n    options:\n      members: false\n"]
            sections += [f"::: {package}.{module}\n" for module in modules]
            pages[f"api/{package}.md"] = f"# {package}\n\n" + "\n".join(sections)
            first = (init.read_text(encoding="utf-8").partition('"""')[2]).partition('"""')[0]
            links.append(f"- [{package}]({package}.md): {first.strip().partition(chr(10))[0]}")
    head = "# API\n\nEvery public name, package by package; a player needs `arena.game` alone.\n"
    return {"api/index.md": "\n".join([head, *links]), **pages}


def remarks_of(table: type[BaseModel]) -> dict[str, str]:
    """Return what the source says behind each field of a table and of what it inherits from."""
    remarks = dict.fromkeys(table.model_fields, "")
    for owner in table.__mro__:
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        for line in inspect.getsource(owner).splitlines():
            found = re.match(r"    (\w+): .*?  # (.*)$", line)
            if found and not remarks.get(found[1], "-"):
                remarks[found[1]] = found[2]
    return remarks


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; bars in cells are escaped."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _default(field: dataclasses.Field[object]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    made = field.default_factory
    return PydanticUndefined if made is dataclasses.MISSING else made()


def _shown(value: object) -> str:
    if value is PydanticUndefined:
        return "must be given"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, frozenset):
        value = sorted(value)
    return f"`{value!r}`" if value not in ("", (), [], {}) else "empty"


def _type(annotation: object) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b(?:[a-z_]+\.)+", "", text.replace("NoneType", "None"))


if __name__ == "__main__":
    main()
