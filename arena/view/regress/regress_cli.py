"""The command lines of `arena regress`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from arena.view.options import Architecture, AsJson, PassphraseFile

regress = typer.Typer(
    help="A baseline of protection, and whether it is weaker now.", no_args_is_help=True
)

BaselineFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="BASELINE", help="A JSON file that belongs into version control.")
]
Protected: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The protected model: .safetensors, or a state dict."),
]
Key: TypeAlias = Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of its key.")]
Recipe: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="SCENARIO", help="In their place a scenario whose owner makes both, for each seed."
    ),
]
Data: TypeAlias = Annotated[
    str, typer.Option(help="What thieves have of it; by default what the key says.")
]
Thieves: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--thief",
        metavar="'MOVE KEY=VALUE ...'",
        help="A move of `arena list attackers`; repeat it, and put + between moves.",
    ),
]
Threat: TypeAlias = Annotated[str, typer.Option(help="What thieves are granted.")]
Seeds: TypeAlias = Annotated[int, typer.Option(help="How often each thief attacks, 7 to 10.")]
Seed: TypeAlias = Annotated[
    int | None, typer.Option(min=0, help="Root of the seeds; by default the model's and key's.")
]


@regress.command()
def record(
    baseline: BaselineFile,
    model: Protected = None,
    key: Key = None,
    recipe: Recipe = None,
    data: Data = "",
    thieves: Thieves = None,
    threat: Threat = "whitebox_third",
    seeds: Seeds = 8,
    seed: Seed = None,
    architecture: Architecture = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write down what thieves do to a protected model."""
    from arena.view.regress.regress_command import Protection, Thievery, record_baseline

    protection = Protection(model, key, recipe, data, architecture, passphrase_file)
    thievery = Thievery(tuple(thieves or ()), threat, seeds, seed)
    raise typer.Exit(record_baseline(baseline, protection, thievery))


@regress.command()
def check(
    baseline: BaselineFile,
    model: Protected = None,
    key: Key = None,
    recipe: Recipe = None,
    data: Data = "",
    thieves: Thieves = None,
    threat: Threat = "whitebox_third",
    seeds: Seeds = 8,
    seed: Seed = None,
    update: Annotated[
        bool, typer.Option("--update", help="Accept what is stronger into the baseline.")
    ] = False,
    architecture: Architecture = "",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure again, and compare with the baseline; where there is none, write it and fail once.

    Exit code 0: it held. 1: it is weaker. 2: it could not be measured.
    """
    from arena.view.regress.regress_command import Protection, Thievery, check_baseline

    protection = Protection(model, key, recipe, data, architecture, passphrase_file)
    thievery = Thievery(tuple(thieves or ()), threat, seeds, seed)
    code = check_baseline(baseline, protection, thievery, update=update, as_json=as_json)
    raise typer.Exit(code)
