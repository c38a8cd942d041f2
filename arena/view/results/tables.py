"""The tables that a person reads after a tournament, and while it is played."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import figures
from arena.runs.standings.leaderboard import Interval, Side, Standing
from arena.view.plain_table import PlainTable, titled
from arena.view.results.prices import HOW_TO_READ, Price, prices
from arena.view.results.report import Alarms, Cells, Honesty, Report

_COSTS = {name: figures(RoundRow)[name] for name in ("fidelity_loss", "protect_s", "judge_s")}
_LIVE = 6  # lines of a leaderboard while a tournament is played


def number(value: float | None, form: str = ".3f") -> str:
    """Return a value, or a dash where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def payoff_table(payoffs: Cells) -> PlainTable:
    """Return the thieves' pay-offs, a row for each thief and a column for each owner."""
    table = PlainTable(["thief", *payoffs.owners])
    for j, thief in enumerate(payoffs.thieves):
        cells = [
            _cell(payoffs.values[i, j], payoffs.words[i][j]) for i in range(len(payoffs.owners))
        ]
        table.add_row(thief, *cells)
    return table


def _cell(value: float, word: str) -> Text:
    if math.isnan(value):
        return Text(word, style="dim" if len(word) < 2 else "yellow")
    return Text(word, style="red" if value >= 0.5 else "")


def leaderboard_table(
    side: Side,
    lines: Iterable[Standing],
    most: int | None = None,
    marked: Collection[str] = (),
) -> Group:
    """Return a leaderboard, best first, with intervals where repeats make them known.

    `most` is how many lines it has at most; `marked` are players that cannot win, whatever they
    earn.
    """
    columns = (side, "worst\ncase", "Nash", "mean", "rating", "matches", "not\nmet")
    rows = [
        (
            f"{line.name} !" if line.name in marked else line.name,
            _with_interval(line.worst, line.worst_interval),
            _with_interval(line.nash, line.nash_interval),
            _with_interval(line.mean, line.mean_interval),
            f"{line.rating:.1f} ± {line.rating_interval[1] - line.rating:.1f}",
            str(line.n_matches),
            str(line.missing or ""),
        )
        for line in lines
    ]
    title = {"owner": "Owners", "thief": "Thieves"}[side]
    return titled(
        f"{title}: their own pay-offs, best worst case first", PlainTable(columns, rows[:most])
    )


def _with_interval(value: float, interval: Interval) -> str:
    """Return a figure, and below it its interval if the repeats differ at all."""
    low, high = interval
    return number(value) if low == high else f"{number(value)}\n{low:.2f} to {high:.2f}"


def honesty_table(owners: Sequence[Honesty]) -> Group:
    """Return whom each owner accused wrongly, and what its protection cost."""
    columns = (
        "owner",
        "innocents of\nits recipe",
        "innocents of\nother recipes",
        "copies above\ninnocents",
    )
    rows = [
        (
            f"{owner.owner} !" if owner.accuses else owner.owner,
            _alarms(owner.same),
            _alarms(owner.odd),
            _share(owner.found),
        )
        for owner in owners
    ]
    costs = [
        (
            owner.owner,
            _COSTS["fidelity_loss"].text(owner.fidelity_loss),
            _COSTS["protect_s"].text(owner.protect_s),
            _COSTS["judge_s"].text(owner.judge_s),
        )
        for owner in owners
    ]
    says = ("owner", *(_COSTS[name].says.replace(" ", "\n") for name in _COSTS))
    return Group(
        titled("Owners: false alarms (! beyond the level)", PlainTable(columns, rows)),
        titled("Owners: what protection costs", PlainTable(says, costs)),
    )


def _alarms(found: Alarms) -> str:
    """Return how many innocents were accused, and the interval over keys and models."""
    interval = f"\n{found.low:.3f} to {found.high:.3f}" if found.n_innocents else ""
    return _share(found) + interval


def _share(found: Alarms) -> str:
    return f"{found.n_accused}/{found.n_innocents}" if found.n_innocents else "-"


def price_table(found: Sequence[Price]) -> Group:
    """Return what thefts brought and at what price, those on the Pareto front marked."""
    columns = ("thief", "gain", "caught", "work", "queries", "Pareto\nfront")
    rows = [
        (
            price.thief,
            number(price.gain, ".2f"),
            number(price.caught, ".2f"),
            number(price.work, ".2f"),
            number(price.queries, ",.0f"),
            "x" if price.best else "",
        )
        for price in sorted(found, key=lambda price: (-price.gain, price.work))
    ]
    title = "Thefts: gain over what the thief could have alone; price: work and queries"
    return titled(title, PlainTable(columns, rows), Text(HOW_TO_READ))


def failed_table(rows: Iterable[RoundRow]) -> Group:
    """Return the rounds without a score, each with its reason."""
    cells = [(row.match, str(row.round), row.status, row.message) for row in rows]
    table = PlainTable(("match", "round", "status", "reason"), cells, words=("reason",))
    return titled("Rounds without a score", table)


def live_standings(report: Report) -> RenderableType:
    """Return both leaderboards, short, for the time while a tournament is played."""
    done = Text(f"{len(report.finals)} of {report.n_matches} matches are played", style="dim")
    boards = [leaderboard_table(side, lines, _LIVE) for side, lines in report.standings.items()]
    return Group(done, *boards)


def results(report: Report) -> list[Group]:
    """Return everything that is printed of a tournament, in its order."""
    boards = [
        leaderboard_table(side, lines, marked=report.faults)
        for side, lines in report.standings.items()
        if lines
    ]
    payoffs = payoff_table(report.payoffs)
    tables = [*boards, titled("Pay-off of each thief against each owner", payoffs)]
    tables.append(honesty_table(report.honesty))
    points = prices(report)
    if points:
        tables.append(price_table(points))
    if report.failed:
        tables.append(failed_table(report.failed))
    return tables
