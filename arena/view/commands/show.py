"""`arena show` and `arena tensorboard`: the results of a tournament that was played."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import values
from arena.view.console import Console
from arena.view.results.formats import WRITERS, fitting
from arena.view.results.headline import headline
from arena.view.results.match_page import match_page, rounds_of
from arena.view.results.refresh import open_match, rebuild
from arena.view.results.report import NOTHING, Report, known, results_in, with_max_loss
from arena.view.results.selection import Wanted, columns, plain, select
from arena.view.results.tables import results
from arena.world.json_values import Json


def show_results(
    folder: Path,
    match: str | None,
    form: str,
    wanted: Wanted,
    max_loss: float | None = None,
) -> None:
    """Print the results in a folder, those of a match, or the rounds that are wanted.

    `max_loss` is the fidelity that an owner may cost and still win, in place of the scenario's.

    Raises:
        StoreError: there are none. ArenaError: no such match or column.
    """
    report = with_max_loss(results_in(folder), max_loss)
    if match is None and wanted.everything and form in ("table", "json"):
        print_report(report, as_json=form == "json")
        return
    rounds = report.rounds if match is None else rounds_of(report, match)
    rows = select(rounds, wanted)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    names = columns(wanted, all_of_them=form in ("csv", "json"))
    if form == "json":
        console.print_json(data=[dict(zip(names, plain(row, names), strict=True)) for row in rows])
    elif form != "table":
        console.print(WRITERS[form](rows, names))
    elif not rows:
        console.print("no round is like that")
    elif match is not None and wanted.everything:
        Console(highlight=False).print(match_page(rows))
        picture = open_match(report, match, folder)
        if picture is not None:
            console.print(f"\ndrawn in {picture}")
    else:
        _print_table(rows, names)


def _print_table(rows: Sequence[RoundRow], names: Sequence[str]) -> None:
    """Print the columns that fit the terminal, and how to see the others."""
    console = Console(highlight=False)
    table, left = fitting(rows, names, console.width)
    console.print(table)
    if left:
        console.print(f"No room for {', '.join(left)}: choose with --columns, or --format csv.")


def rebuild_tensorboard(folder: Path, *, matches: bool = False) -> None:
    """Write event files and figures anew from a folder's ledger; raises like `show_results`."""
    report = results_in(folder)
    rebuild(report, folder, matches=matches)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{len(report.matches)} matches were written; look at them with")
    console.print(f"  tensorboard --logdir {shlex.quote(str(folder / 'tensorboard'))}")


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report on stdout, as tables or as one JSON document."""
    console = Console(highlight=False)
    if as_json:
        console.print_json(data=as_plain(report), indent=2)
        return
    n_played, n_matches = len(report.finals), report.n_matches
    console.print(f"{report.name}: {n_played} of {n_matches} matches are played", style="bold")
    for table in results(report):
        console.print(table)
    if any("*" in word for row in report.payoffs.words for word in row):
        console.print("* the mean of fewer matches than the scenario has repeats")
    if any(word == NOTHING for row in report.payoffs.words for word in row):
        console.print(f"{NOTHING}: nothing to steal, the thief could have had as much alone")
    for sentence in headline(report):
        console.print(Text(sentence))


def as_plain(report: Report) -> dict[str, Json]:
    """Return a report as JSON values: standings, pay-offs, false alarms and every row."""
    table = report.payoffs
    return {
        "name": report.name,
        "scenario": report.facts["scenario"],
        "versions": report.facts["versions"],
        "headline": headline(report),
        "faults": dict(report.faults),
        "n_matches": report.n_matches,
        "standings": {
            side: [asdict(line) for line in lines] for side, lines in report.standings.items()
        },
        "payoffs": [
            {
                "owner": owner,
                "thief": thief,
                "payoff": known(float(table.values[i, j])),
                "says": table.words[i][j],
            }
            for i, owner in enumerate(table.owners)
            for j, thief in enumerate(table.thieves)
        ],
        "owners": [asdict(owner) for owner in report.honesty],
        "rounds": [values(row) for row in report.rounds],
        "innocents": [values(row) for row in report.innocents],
    }
