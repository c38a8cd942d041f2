"""`arena show` and `arena tensorboard`: the results of a tournament that was played."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from arena.game.rules.figures import values
from arena.view.results.refresh import rebuild
from arena.view.results.report import NOTHING, Report, known, results_in
from arena.view.results.tables import results
from arena.world.json_values import Json


def show_results(folder: Path, *, as_json: bool) -> None:
    """Print the results in a folder.

    Raises:
        StoreError: there are none.
    """
    print_report(results_in(folder), as_json=as_json)


def rebuild_tensorboard(folder: Path) -> None:
    """Write event files and figures anew from a folder's ledger; raises like `show_results`."""
    report = results_in(folder)
    rebuild(report, folder)
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
    for table in results(report, console.width):
        console.print(table)
    if any("*" in word for row in report.payoffs.words for word in row):
        console.print("* the mean of fewer matches than the scenario has repeats")
    if any(word == NOTHING for row in report.payoffs.words for word in row):
        console.print(f"{NOTHING}: nothing to steal, the thief could have had as much alone")


def as_plain(report: Report) -> dict[str, Json]:
    """Return a report as JSON values: standings, pay-offs, false alarms and every row."""
    table = report.payoffs
    return {
        "name": report.name,
        "scenario": report.facts["scenario"],
        "versions": report.facts["versions"],
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
