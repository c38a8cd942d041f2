"""The command line of `arena page`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def page(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of tournaments; each is shown once.", metavar="DIR [DIR ...]"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where it goes; by default page.html in the first DIR."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write tournaments as one HTML file, to read, to print and to pass on."""
    from arena.view.page.command import make_page

    make_page(folders, out, open_it=open_it)
