"""The command line of `arena solve`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.commands.find_scenario import DEFAULT
from arena.view.options import (
    AsJson,
    Changes,
    ExecutorName,
    Jobs,
    OtherDevice,
    OtherSeed,
    ScenarioName,
    Trust,
)
from arena.world.bounds import STEPS, STRENGTHS


def solve(
    scenario: ScenarioName = DEFAULT,
    iterations: Annotated[
        int, typer.Option(min=1, max=STEPS, help="Restricted games at most.")
    ] = 30,
    epsilon: Annotated[
        float, typer.Option(help="The pay-off that a side may still gain at the end.")
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where it goes; by default runs/solved/NAME."),
    ] = None,
    strengths: Annotated[
        int,
        typer.Option(
            min=1, max=STRENGTHS, help="At how many strengths players are added; 1 adds none."
        ),
    ] = 3,
    jobs: Jobs = None,
    executor: ExecutorName = "local",
    device: OtherDevice = None,
    seed: OtherSeed = None,
    changes: Changes = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Solve a scenario as a game: which mixture of owners holds best, and which of thieves?"""
    from arena.view.commands.run_options import Order
    from arena.view.learn.solve_command import SolveOrder, carry_out

    game = Order(
        scenario=scenario,
        out=out,
        jobs=jobs,
        device=device,
        seed=seed,
        changes=tuple(changes or ()),
        as_json=as_json,
        trusted=tuple(trust or ()),
        executor=executor,
    )
    raise typer.Exit(carry_out(SolveOrder(game, iterations, epsilon, strengths)))
