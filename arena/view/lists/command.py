"""What `arena list` prints: the lists, one list, or everything about one thing in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from arena.view.console import Console
from arena.view.lists.lists import KINDS, Lines, lines_of
from arena.view.plain_table import PlainTable
from arena.world.json_values import Json

_WIDEST = 34  # characters for a setting and its default before they are folded


def show_list(kind: str | None, name: str | None, *, as_json: bool) -> None:
    """Print what can be listed, the list of a kind, or everything about one thing in it.

    Raises:
        RegistryError: there is no such list, or nothing of that name in it.
    """
    console = Console(highlight=False)
    if as_json:
        console.print_json(data=_plain(kind, name), indent=2)
    elif kind is None:
        _print_kinds(console)
    elif name is None:
        _print_lines(console, kind, lines_of(kind))
    else:
        _print_page(console, lines_of(kind).all_of(name))


def _plain(kind: str | None, name: str | None) -> Json:
    """Return what is printed as JSON values, whole sentences and all columns."""
    if kind is None:
        return {known: what for known, (what, _) in KINDS.items()}
    lines = lines_of(kind)
    if name is not None:
        return lines.all_of(name)
    return [lines.all_of(row[0]) for row in lines.rows]


def _print_kinds(console: Console) -> None:
    rows = [(f"arena list {kind}", what) for kind, (what, _) in KINDS.items()]
    console.print(PlainTable(("command", "what it lists"), rows, words=("what it lists",)))
    console.print("With a name behind it, everything about that one; with --json, for programs.")


def _print_lines(console: Console, kind: str, lines: Lines) -> None:
    shown = lines.shown or lines.columns
    places = [lines.columns.index(column) for column in shown]
    rows = [[row[place] for place in places] for row in lines.rows]
    console.print(PlainTable(shown, rows, words=shown[-1:]))
    console.print(f"Everything about one: arena list {kind} NAME")


def _print_page(console: Console, told: Mapping[str, Json]) -> None:
    """Print everything that is known of one thing: its name, a paragraph each, its settings."""
    settings = [row for row in _rows(told.get("settings")) if row]
    console.print(Text(str(told["name"]), style="bold"))
    page = Table.grid(padding=(0, 2))
    page.add_column(style="cyan", no_wrap=True)
    page.add_column()
    for head, text in _paragraphs(told):
        if not (head.startswith("Parameters") and all(row["meaning"] for row in settings)):
            page.add_row(Text(head), Text(text))
    console.print(page)
    if settings:
        console.print(_settings(settings))


def _rows(value: Json) -> list[dict[str, str]]:
    rows = value if isinstance(value, list) else []
    return [dict(row) for row in rows if isinstance(row, Mapping)]


def _paragraphs(told: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield headings and what is said under them, those of `sections` last."""
    sections = told.get("sections", {})
    for head, value in told.items():
        if head == "grants" and isinstance(value, Mapping):
            yield "Grants", "\n".join(f"{key} = {json.dumps(text)}" for key, text in value.items())
        elif head != "name" and value and isinstance(value, str):
            yield head[0].upper() + head[1:], value
    if isinstance(sections, Mapping):
        yield from ((str(head), str(text)) for head, text in sections.items())


def _settings(settings: Sequence[Mapping[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="cyan", pad_edge=False)
    table.add_column("setting = default", overflow="fold", max_width=_WIDEST)
    table.add_column("type, and what it means")
    for setting in settings:
        words = ": ".join(filter(None, (setting["type"], setting["meaning"])))
        table.add_row(Text(f"{setting['name']} = {setting['default']}"), Text(words))
    return table
