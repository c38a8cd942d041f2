"""Keeps everything that is drawn from a ledger up to date: event files and PNG figures."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from arena.game.rules.figures import values
from arena.view.progress.stamps import STAMP, is_current, renewed, safe_name, stamp_of
from arena.view.results.report import Report
from arena.world.files.atomic_write import write_whole
from arena.world.files.file_lock import hold

SUMMARY = "_summary"
LOCK = ".views.lock"  # held by the one process that writes views of a folder


def boards_folder(report: Report, out: Path) -> Path:
    """Return the folder of a tournament's event files."""
    return out / "tensorboard" / safe_name(report.name)


def refresh_matches(report: Report, out: Path) -> None:
    """Write the event files of the matches whose rounds have changed.

    Where another process is writing there, they are left to it.
    """
    with hold(out / LOCK, wait=False) as held:
        if held:
            _write_matches(report, out)


def _write_matches(report: Report, out: Path) -> None:
    root = boards_folder(report, out)
    for title, rows in report.matches.items():
        folder, stamp = root / safe_name(title), stamp_of([values(row) for row in rows])
        if not is_current(folder, stamp):
            from arena.view.results.event_files import (
                write_match,  # a second to import: only when needed
            )

            with renewed(folder, stamp):
                write_match(folder, rows)


def refresh_views(report: Report, out: Path) -> None:
    """Write everything that is drawn from a ledger and is not up to date.

    Where another process is writing there, it is waited for.
    """
    with hold(out / LOCK):
        _write_views(report, out)


def _write_views(report: Report, out: Path) -> None:
    _write_matches(report, out)
    root = boards_folder(report, out)
    _forget_others(root, report.matches)
    _refresh_curves(report, root, out / "figures" / "matches")
    rounds, innocents = (list(map(values, rows)) for rows in (report.rounds, report.innocents))
    stamp = stamp_of([rounds, innocents, report.facts["scenario"]])
    if is_current(root / SUMMARY, stamp):
        return
    from arena.view.figures.drawings import summary_figures
    from arena.view.figures.plots import render
    from arena.view.results.event_files import write_summary
    from arena.view.results.markdown import summary_texts

    drawn = {name: render(figure) for name, figure in summary_figures(report).items()}
    with renewed(root / SUMMARY, stamp):
        write_summary(root / SUMMARY, drawn, summary_texts(report))
        for name, png in drawn.items():
            kind, _, player = name.partition("/")
            path = f"{kind}/{safe_name(player)}" if player else kind
            write_whole(out / "figures" / f"{path}.png", png)


def rebuild(report: Report, out: Path) -> None:
    """Write everything that is drawn from a ledger, whether or not it looks up to date."""
    with hold(out / LOCK):
        shutil.rmtree(boards_folder(report, out), ignore_errors=True)
        _write_views(report, out)


def _refresh_curves(report: Report, root: Path, folder: Path) -> None:
    """Draw the matches whose event files are younger than their picture."""
    for title, rows in report.matches.items():
        path, made = folder / f"{safe_name(title)}.png", root / safe_name(title) / STAMP
        if path.is_file() and path.stat().st_mtime_ns >= made.stat().st_mtime_ns:
            continue
        from arena.view.figures.drawings import match_figure
        from arena.view.figures.plots import render

        write_whole(path, render(match_figure(rows)))


def _forget_others(root: Path, titles: Iterable[str]) -> None:
    """Remove the event files of matches that the tournament no longer has."""
    kept = {SUMMARY, *(safe_name(title) for title in titles)}
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name not in kept and (folder / STAMP).is_file():
            shutil.rmtree(folder)
