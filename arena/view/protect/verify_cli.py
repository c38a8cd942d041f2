"""The command line of `arena verify`. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Annotated

import typer

from arena.view.options import Architecture, AsJson, Device, KeyFolder, PassphraseFile


def verify(
    key: KeyFolder,
    suspect: Annotated[
        str, typer.Argument(metavar="SUSPECT", help="The model under suspicion, or its URL.")
    ],
    level: Annotated[
        float | None, typer.Option(help="The p-value at which it is a copy; else the scheme's.")
    ] = None,
    architecture: Architecture = "",
    access: Annotated[
        str, typer.Option(metavar="labels|probabilities", help="Of a URL: what it answers.")
    ] = "probabilities",
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Of a URL: for its tokens.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Ask a key whether a suspect is derived from the model that it protects.

    Exit code 0: not shown. 10: a copy. 2: bad input. 3: not comparable.
    """
    from arena.view.protect.verify_command import Accusation
    from arena.view.protect.verify_command import verify as carry_out

    accusation = Accusation(
        key=key,
        suspect=suspect,
        level=level,
        architecture=architecture,
        access=access,
        headers=tuple(header or ()),
        passphrase_file=passphrase_file,
        device=device,
        as_json=as_json,
    )
    raise typer.Exit(carry_out(accusation))
