"""Keeps everything that is drawn from a ledger up to date: event files and PNG figures.

A picture of a match is drawn when the match is opened, or when all of them are asked for: drawing
one takes longer than playing a cheap match.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from arena.errors import StoreError
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import values
from arena.runs.store import ARTEFACTS, Store
from arena.view.progress.stamps import STAMP, is_current, renewed, safe_name, stamp_of
from arena.view.results.report import Report
from arena.world.files.atomic_write import write_whole
from arena.world.files.file_lock import hold

SUMMARY = "_summary"
LOCK = ".views.lock"  # held by the one process that writes views of a folder


def boards_folder(report: Report, out: Path) -> Path:
    """Return the folder of a tournament's event files."""
    return out / "tensorboard" / safe_name(report.name)


def refresh_owners(report: Report, out: Path) -> None:
    """Write the event files of the owners of whose matches some rounds have changed.

    Where another process is writing there, they are left to it.
    """
    with hold(out / LOCK, wait=False) as held:
        if held:
            _write_owners(report, out)


def _write_owners(report: Report, out: Path) -> None:
    root = boards_folder(report, out)
    for owner, matches in report.matches_of.items():
        folder = root / safe_name(owner)
        stamp = stamp_of([values(row) for rows in matches for row in rows])
        if not is_current(folder, stamp):
            from arena.view.results.event_files import (
                write_owner,  # a second to import: only when needed
            )

            with renewed(folder, stamp):
                write_owner(folder, matches)


def refresh_views(report: Report, out: Path, *, wait: bool = True) -> None:
    """Write everything that is drawn from a ledger and is not up to date, but pictures of matches.

    Where another process is writing there, it is waited for, or it is left to it.
    """
    with hold(out / LOCK, wait=wait) as held:
        if held:
            _write_views(report, out)


def _write_views(report: Report, out: Path) -> None:
    _write_owners(report, out)
    root = boards_folder(report, out)
    _forget_others(root, report.matches_of)
    _forget_outdated(report, out)
    _refresh_samples(report, out)
    rounds, innocents = (list(map(values, rows)) for rows in (report.rounds, report.innocents))
    stamp = stamp_of([rounds, innocents, report.facts["scenario"]])
    if is_current(root / SUMMARY, stamp):
        return
    from arena.view.figures.drawings import SUMMARIES, summary_figures
    from arena.view.figures.plots import render
    from arena.view.results.event_files import write_summary
    from arena.view.results.markdown import summary_texts

    drawn = {name: render(figure) for name, figure in summary_figures(report).items()}
    with renewed(root / SUMMARY, stamp):
        write_summary(root / SUMMARY, drawn, summary_texts(report))
        for name, png in drawn.items():
            write_whole(_figure_of(name, out / "figures"), png)
        _forget_figures(out / "figures", drawn, SUMMARIES)


def rebuild(report: Report, out: Path, *, matches: bool = False) -> None:
    """Write everything that is drawn from a ledger, whether or not it looks up to date.

    Pictures of all matches are drawn where that is asked for.
    """
    with hold(out / LOCK):
        shutil.rmtree(boards_folder(report, out), ignore_errors=True)
        _write_views(report, out)
        for title in report.matches if matches else ():
            _draw_match(report, title, out)


def open_match(report: Report, title: str, out: Path) -> Path | None:
    """Return the picture of a match, drawn unless it is up to date.

    None where the match has no score, so nothing to draw, or where the folder cannot be written.
    """
    try:
        with hold(out / LOCK):
            return _draw_match(report, title, out)
    except (StoreError, OSError):
        return None


def _picture_of(title: str, out: Path) -> Path:
    return out / "figures" / "matches" / f"{safe_name(title)}.png"


def _stamp(rows: Sequence[RoundRow]) -> str:
    """Return what the picture of a match is made from: it says so itself."""
    return stamp_of([values(row) for row in rows])


def _draw_match(report: Report, title: str, out: Path) -> Path | None:
    path, rows = _picture_of(title, out), report.matches[title]
    if not any(row.scored for row in rows):
        return None
    if made_from(path) != _stamp(rows):
        from arena.view.figures.drawings import match_figure
        from arena.view.figures.plots import render

        write_whole(path, render(match_figure(rows), _stamp(rows)))
    return path


def _forget_outdated(report: Report, out: Path) -> None:
    """Remove the pictures of matches that say something else than the ledger."""
    drawn = {path.name for path in (out / "figures" / "matches").glob("*.png")}
    for title, rows in report.matches.items():
        path = _picture_of(title, out)
        if path.name in drawn and made_from(path) != _stamp(rows):
            path.unlink()


def _refresh_samples(report: Report, out: Path) -> None:
    """Draw what the models of each match make, where their kind draws."""
    if not (out / ARTEFACTS).is_dir():
        return
    store = Store(out / ARTEFACTS)
    for title, rows in report.matches.items():
        path = out / "figures" / "samples" / f"{safe_name(title)}.png"
        stamp = stamp_of([row.digest for row in rows])
        if made_from(path) == stamp:
            continue
        makers: dict[str, Tensor] = {}
        for row in rows:
            made = store.load(row.digest, "samples") if row.digest else None
            for name, pictures in sorted(made.tensors.items() if made else ()):
                of_round = name.startswith("suspect")
                makers[f"{name}, round {row.round}" if of_round else name] = pictures
        if makers:
            from arena.view.figures.plots import render
            from arena.view.figures.samples import samples_grid

            ordered = dict(sorted(makers.items(), key=lambda maker: maker[0][:6] != "victim"))
            write_whole(path, render(samples_grid(title, ordered), stamp))


def made_from(path: Path) -> str:
    """Return the stamp in a picture; "" where there is no picture, or one without a stamp."""
    try:
        with Image.open(path) as picture:
            return str(picture.info.get(STAMP, ""))
    except (OSError, SyntaxError):  # Pillow's word for a damaged PNG
        return ""


def _forget_figures(folder: Path, drawn: Iterable[str], names: Iterable[str]) -> None:
    """Remove the figures of a tournament that there is nothing to draw for any more."""
    kept = {_figure_of(name, folder) for name in drawn}
    for path in (*folder.glob("radar/*.png"), *(folder / f"{name}.png" for name in names)):
        if path not in kept:
            path.unlink(missing_ok=True)


def _figure_of(name: str, folder: Path) -> Path:
    kind, _, player = name.partition("/")
    return folder / (f"{kind}/{safe_name(player)}.png" if player else f"{kind}.png")


def _forget_others(root: Path, owners: Iterable[str]) -> None:
    """Remove the event files of owners that the tournament no longer has."""
    kept = {SUMMARY, *map(safe_name, owners)}
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name not in kept and (folder / STAMP).is_file():
            shutil.rmtree(folder)
