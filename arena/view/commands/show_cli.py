"""The command lines of `arena list` and `arena show`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


def show(
    folder: Annotated[Path, typer.Argument(help="The folder of a tournament.", metavar="DIR")],
    as_json: AsJson = False,
) -> None:
    """Show the results of a tournament."""
    from arena.view.commands.show import show_results

    show_results(folder, as_json=as_json)


def list_known(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[attackers|defenders|scenarios|data|models|threats]", help="What."),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show everything about this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List attackers, defenders, scenarios, data sets, models or threat models."""
    from arena.view.commands.list_command import show_list

    show_list(kind, name, as_json=as_json)
