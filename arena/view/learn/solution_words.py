"""The solution of a scenario in words and tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Group

from arena.runs.learn.double_oracle import Iteration
from arena.runs.learn.solution import Solution
from arena.view.console import Console
from arena.view.plain_table import PlainTable, titled
from arena.view.results.markdown import markdown


def said(number: int, found: Iteration) -> str:
    """Return an iteration in a line, for the time while a scenario is solved."""
    added = f"{', '.join(found.added)} added" if found.added else "nobody added"
    return (
        f"iteration {number}: exploitability {found.exploitability:.3f}, "
        f"value {found.value:.3f}, {added}"
    )


def print_solution(solution: Solution, out: Path, *, as_json: bool) -> None:
    """Print a solution, and where it is."""
    console = Console(highlight=False, markup=False)
    if as_json:
        console.print_json(data=solution.plain())
        return
    console.print(headline(solution))
    console.print(_iterations(solution))
    for side, mixture in _mixtures(solution.last).items():
        console.print(_mixture(side, mixture))
    console.print(comparison(solution))
    console.print(_scripts(solution))
    for owner, reason in solution.unfit.items():
        console.print(f"! {owner} cannot win: it {reason}")
    plain = Console(highlight=False, soft_wrap=True, markup=False)
    plain.print(f"\nThe solution and its pictures are in {out}; see also")
    plain.print(f"  arena show {shlex.quote(str(out))}")
    plain.print(f"  tensorboard --logdir {shlex.quote(str(out / 'tensorboard'))}")


def headline(solution: Solution) -> str:
    """Return whether it converged, and what the game is worth."""
    last, n = solution.last, len(solution.iterations)
    noun = "iteration" if n == 1 else "iterations"
    ended = (
        f"neither side gains more than {solution.epsilon:g} by any player of the menu"
        if solution.converged
        else f"not converged: both sides together still gain {last.exploitability:.3f}"
    )
    return (
        f"{solution.scenario} after {n} {noun}: {ended}. The thieves' pay-off is {last.value:.3f}; "
        f"{last.n_played} of {solution.n_cells} cells were played to know it."
    )


def comparison(solution: Solution) -> str:
    """Return how the mixture of thieves does in the worst case beside the best scripted one."""
    best = max(solution.scripted, key=lambda name: solution.scripted[name])
    lead = solution.worst_case - solution.scripted[best]
    begins = f"In its worst case the mixture of thieves takes {solution.worst_case:.3f}"
    if abs(lead) <= solution.epsilon:
        return f"{begins}, no more and no less (by {solution.epsilon:g}) than the scripted {best}."
    if lead > 0:
        return f"{begins}, {lead:.3f} more than the best scripted thief, {best}."
    return f"{begins}, {-lead:.3f} less than the scripted thief {best}."


def _iterations(solution: Solution) -> Group:
    heads = ("", "value", "owner\ngains", "thief\ngains", "exploit-\nability", "added")
    table = PlainTable(heads, words=("added",))
    for number, found in enumerate(solution.iterations, start=1):
        figures = (found.value, found.owner_gain, found.thief_gain, found.exploitability)
        table.add_row(str(number), *(f"{value:.3f}" for value in figures), ", ".join(found.added))
    return titled("Restricted games, and what best responses would gain", table)


def _mixtures(found: Iteration) -> Mapping[str, Mapping[str, float]]:
    return {"owners": found.owners, "thieves": found.thieves}


def _mixture(side: str, mixture: Mapping[str, float]) -> Group:
    rows = [
        (name, f"{share:.3f}") for name, share in sorted(mixture.items(), key=lambda one: -one[1])
    ]
    return titled(f"Mixture of {side}", PlainTable((side, "share"), rows))


def _scripts(solution: Solution) -> Group:
    ranked = sorted(solution.scripted.items(), key=lambda one: -one[1])
    rows = [("the mixture", f"{solution.worst_case:.3f}", "")] + [
        (name, f"{worst:.3f}", f"{solution.worst_case - worst:+.3f}") for name, worst in ranked
    ]
    table = PlainTable(("thief", "worst case", "mixture's lead"), rows)
    return titled("What thieves take from the owner who holds best against them", table)


def mixtures_text(found: Iteration) -> str:
    """Return both mixtures as Markdown."""
    tables = [
        markdown((side, "share"), [(name, f"{share:.3f}") for name, share in mixture.items()])
        for side, mixture in _mixtures(found).items()
    ]
    return "\n\n".join(tables)
