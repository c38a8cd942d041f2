"""Writes the page of some tournaments, and says where it is."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from arena.errors import StoreError
from arena.view.console import Console
from arena.view.page.contents import contents_of
from arena.view.page.render import GENERATOR, render_page
from arena.view.results.report import results_in
from arena.world.files.named_output import check_output, write_output

NAME = "page.html"
_WHAT = "a page of `arena page`"
_HEAD = 4096  # bytes; who made a page is said among the first


def make_page(folders: Sequence[Path], out: Path | None, *, open_it: bool = False) -> None:
    """Write the page of the tournaments in some folders; one that is named twice is shown once.

    Raises:
        StoreError: a folder holds no tournament, or the file cannot be written, or is another's.
    """
    path = out or folders[0] / NAME
    check_output(path, _WHAT, _is_page)
    once = {folder.resolve(): folder for folder in folders}.values()
    tournaments = [
        contents_of(results_in(folder), folder, f"t{i}") for i, folder in enumerate(once)
    ]
    blob = render_page(tournaments).encode()
    write_output(path, blob, _WHAT, _is_page)
    n_cells = sum(len(tournament.report.finals) for tournament in tournaments)
    noun = "cell is" if n_cells == 1 else "cells are"
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{n_cells} {noun} in {path} ({len(blob) / 1e6:.1f} MB)")
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        raise StoreError(f"expected a browser to open {path} in, found none; open it yourself")


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(_HEAD)
