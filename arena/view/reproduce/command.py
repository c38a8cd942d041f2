"""`arena reproduce`: play every experiment of a course into one folder, and write its report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from arena.runs.executors.staff import Staff
from arena.runs.ledger import LEDGER, Ledger
from arena.runs.store import ARTEFACTS, Store
from arena.view.commands.failures import resumable
from arena.view.commands.overrides import parse_changes
from arena.view.commands.run import made_folder, play_into
from arena.view.commands.run_options import Order, ReadyRun, check_playable, game_of
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.reproduce.pages import PAGE, Chapter, chapter_of, write_chapter, write_page
from arena.view.reproduce.plan import chosen, planned
from arena.view.results.refresh import LOCK, refresh_owners
from arena.view.results.report import Report, read_report
from arena.world.files.file_lock import hold
from arena.world.json_values import Json

_STYLES = {"confirmed": "green", "held": "green", "refuted": "red", "undecided": "yellow"}


def reproduce(
    order: Order,
    data: str,
    *,
    quick: bool,
    victims: int | None = None,
    experiments: str | None = None,
) -> int:
    """Play the experiments of the course that `order` names, and return the exit code.

    All share one store, so that what two of them need is made once. Each repeat of a scenario
    trains a victim of its own; `victims` says how many there are, one where it is to be quick.
    `experiments` names some, as "1-9,12"; by default all are played.

    Raises:
        ArenaError: it cannot be played. Ended: it was stopped, or ended unexpectedly.
    """
    changes: dict[str, Json] = parse_changes(order.changes)
    if order.seed is not None:
        changes["seed"] = order.seed
    if victims is not None or quick:
        changes.setdefault("repeats", victims or 1)
    plans = chosen(planned(order.scenario, data, changes, quick=quick), experiments)
    out = order.out or Path("runs") / f"{order.scenario}-{data.replace(':', '-').replace('/', '-')}"
    games = [game_of(plan.scenario, plan.path, order, out / plan.name) for plan in plans]
    for plan, game in zip(plans, games, strict=True):
        check_playable(game, plan.path)
    made_folder(out)
    progress = Console(stderr=True)
    said = Console(highlight=False, soft_wrap=True, markup=False)
    chapters: list[Chapter] = []
    pictures: dict[str, bytes] = {}
    with resumable(out), Staff(Store(out / ARTEFACTS)) as staff:
        for plan, game in zip(plans, games, strict=True):
            report = _played(game, staff, progress)
            chapter = chapter_of(plan.name, plan.scenario, report)
            pictures[chapter.stem] = write_chapter(chapter, out)
            chapters.append(chapter)
            write_page(chapters, out, shlex.join(["arena", *sys.argv[1:]]))
            _say(said, chapter)
        with hold(out / LOCK):
            _write_board(chapters, pictures, out)
    said.print(f"\nThe report is {out / PAGE}")
    said.print("Next:", style="bold")
    said.print(f"  tensorboard --logdir {shlex.quote(str(out))}")
    return 0 if all(chapter.findings.copies for chapter in chapters) else ExitCode.FAILED


def _played(game: ReadyRun, staff: Staff, console: Console) -> Report:
    made_folder(game.out)
    with closing(Ledger(game.out / LEDGER)) as ledger:
        play_into(game, staff, ledger, console)
        report = read_report(ledger)
    refresh_owners(report, game.out)
    return report


def _say(console: Console, chapter: Chapter) -> None:
    console.print(f"\n{chapter.title}", style="bold")
    for claim, result in chapter.results:
        console.print(f"  {result.outcome}: ", style=_STYLES[result.outcome], end="")
        console.print(claim.text)
        console.print(f"    {result.because}", style="dim")
    for line in chapter.failed:
        console.print(f"  no score: {line}", style="yellow")


def _write_board(chapters: Sequence[Chapter], pictures: dict[str, bytes], out: Path) -> None:
    """Write the figures and the claims as TensorBoard events, beside the owners' own."""
    from arena.view.results.event_files import write_summary

    claims = [
        f"- {chapter.title}: {claim.text} **{result.outcome}**: {result.because}"
        for chapter in chapters
        for claim, result in chapter.results
    ]
    write_summary(out / "tensorboard" / "_summary", pictures, {"claims": "\n".join(claims)})
