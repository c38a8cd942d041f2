"""The command line of `arena train`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.commands.find_scenario import DEFAULT
from arena.view.options import (
    AsJson,
    Changes,
    OtherDevice,
    OtherSeed,
    ScenarioName,
    Trust,
    finite,
)
from arena.world.bounds import ROUNDS, STEPS, STRENGTHS


def train(
    side: Annotated[str, typer.Argument(metavar="thief|owner", help="Who learns.")],
    scenario: ScenarioName = DEFAULT,
    algorithm: Annotated[
        str, typer.Option(metavar="search|ppo|dqn", help="How it learns.")
    ] = "search",
    steps: Annotated[int, typer.Option(min=1, max=STEPS, help="Steps of the environment.")] = 500,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where it goes; by default runs/learned/NAME-SIDE."),
    ] = None,
    strengths: Annotated[
        int,
        typer.Option(min=1, max=STRENGTHS, help="At how many strengths each player is on offer."),
    ] = 3,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=ROUNDS,
            help="Moves of a thief; by default as many as the longest script.",
        ),
    ] = None,
    like: Annotated[
        str,
        typer.Option(metavar="THIEF", help="Whose threat model a thief has; by default the first."),
    ] = "",
    shaping: Annotated[
        float,
        typer.Option(
            callback=finite, help="Weight of a thief's own utility in its reward (ppo, dqn)."
        ),
    ] = 0.0,
    device: OtherDevice = None,
    seed: OtherSeed = None,
    changes: Changes = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Let a thief or an owner learn from a scenario; the result plays as `learned:DIR`."""
    from arena.view.commands.run_options import Order
    from arena.view.learn.train_command import TrainOrder, carry_out

    game = Order(scenario, out, 1, device, seed, tuple(changes or ()), as_json, tuple(trust or ()))
    raise typer.Exit(
        carry_out(TrainOrder(side, game, algorithm, steps, strengths, rounds, like, shaping))
    )
