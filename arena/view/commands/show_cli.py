"""The command lines of `arena list` and `arena show`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.options import AsJson, finite


def show(
    folder: Annotated[Path, typer.Argument(help="The folder of a tournament.", metavar="DIR")],
    match: Annotated[
        str | None, typer.Argument(metavar="[MATCH]", help="Show every round of this match.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|json|csv|latex|markdown",
            help="Of what form; by default a table.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="[-]COLUMN", help="Sort the rounds; -COLUMN: largest first."),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="COLUMN=VALUE",
            help="Show these rounds only, as in owner=uchida or thief=ft-*; may be repeated.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Which columns of the rounds to show."),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            callback=finite,
            help="Fidelity that an owner may cost and still win.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the results of a tournament, of a match in it, or of the rounds that you choose."""
    from arena.view.commands.show import show_results
    from arena.view.results.formats import one_form
    from arena.view.results.selection import Wanted

    named = () if columns is None else tuple(name.strip() for name in columns.split(","))
    wanted = Wanted(tuple(filters or ()), sort, named)
    show_results(folder, match, one_form(form, as_json=as_json), wanted, max_loss)


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
    from arena.view.lists.command import show_list

    show_list(kind, name, as_json=as_json)
