"""Writes the page of some tournaments, and says where it is."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from arena.errors import StoreError
from arena.view.console import Console
from arena.view.page.contents import contents_of
from arena.view.page.render import render_page
from arena.view.results.report import results_in
from arena.world.files.atomic_write import write_whole

NAME = "page.html"


def make_page(folders: Sequence[Path], out: Path | None, *, open_it: bool = False) -> None:
    """Write the page of the tournaments in some folders.

    Raises:
        StoreError: a folder holds no tournament, or the file cannot be written.
    """
    tournaments = [
        contents_of(results_in(folder), folder, f"t{i}") for i, folder in enumerate(folders)
    ]
    path = out or folders[0] / NAME
    blob = render_page(tournaments).encode()
    try:
        write_whole(path, blob)
    except OSError as error:
        raise StoreError(
            f"expected a file that can be written at {path}, found {error.strerror}; "
            "choose another --out file"
        ) from error
    n_cells = sum(len(tournament.report.finals) for tournament in tournaments)
    noun = "cell is" if n_cells == 1 else "cells are"
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{n_cells} {noun} in {path} ({len(blob) / 1e6:.1f} MB)")
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        raise StoreError(f"expected a browser to open {path} in, found none; open it yourself")
