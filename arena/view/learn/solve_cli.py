"""The command line of `arena solve`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.commands.find_scenario import DEFAULT
from arena.view.protect.options import AsJson


def solve(
    scenario: Annotated[
        str, typer.Argument(help="The name of a scenario that ships, or a TOML file.")
    ] = DEFAULT,
    iterations: Annotated[int, typer.Option(min=1, help="Restricted games at most.")] = 30,
    epsilon: Annotated[
        float, typer.Option(help="The pay-off that a side may still gain at the end.")
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where it goes; by default runs/solved/NAME."),
    ] = None,
    strengths: Annotated[
        int, typer.Option(min=1, help="At how many strengths players are added; 1 adds none.")
    ] = 3,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; by default one for each core.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="auto|cpu|cuda", help="Where models run.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replaces the scenario's seed.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario; may be repeated."),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Run this players' file without a sandbox."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Solve a scenario as a game: which mixture of owners holds best, and which of thieves?"""
    from arena.view.commands.run_options import Order
    from arena.view.learn.solve_command import SolveOrder, carry_out

    game = Order(
        scenario, out, jobs, device, seed, tuple(changes or ()), as_json, tuple(trust or ())
    )
    raise typer.Exit(carry_out(SolveOrder(game, iterations, epsilon, strengths)))
