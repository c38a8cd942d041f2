"""Options that several commands share. Nothing heavy is imported."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


def finite(value: float | None) -> float | None:
    """Return a number as it is: no range of typer's refuses nan.

    Raises:
        typer.BadParameter: it is none that can be meant.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a finite number, found {value}")
    return value


Architecture: TypeAlias = Annotated[
    str,
    typer.Option(
        "--architecture",
        "--model-architecture",
        "--suspect-architecture",
        metavar="NAME",
        help="Of a state dict: NAME or 'NAME, key = value'.",
    ),
]
PassphraseFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE|-", help="Holds the passphrase that closes the key; - asks for it."),
]
Device: TypeAlias = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where models run.")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of tables.")
]
ScenarioName: TypeAlias = Annotated[
    str, typer.Argument(help="The name of a scenario that ships, or a TOML file.")
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1, help="Steps at a time; by default one for each core, here at most eight for each."
    ),
]
ExecutorName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|ray[://HOST:PORT]",
        help="Who makes the steps: this machine, or a Ray cluster (docs/scale.md).",
    ),
]
OtherDevice: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda", help="Where models run; by default as the scenario says."
    ),
]
Precision: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|bfloat16",
        help="In what models compute: auto is float32 on a CPU, bfloat16 on a GPU.",
    ),
]
OtherSeed: TypeAlias = Annotated[
    int | None, typer.Option(min=0, help="Replaces the seed of what is played.")
]
Changes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario; may be repeated."),
]
Trust: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Run this players' file without a sandbox."),
]
KeyFolder: TypeAlias = Annotated[
    Path, typer.Argument(metavar="KEY", help="The folder of a key, as `arena protect` writes it.")
]
