"""Options that several commands about a person's own model share. Nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

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
KeyFolder: TypeAlias = Annotated[
    Path, typer.Argument(metavar="KEY", help="The folder of a key, as `arena protect` writes it.")
]
