"""The command line of `arena protect`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arena.view.options import Architecture, AsJson, Device, PassphraseFile
from arena.world.bounds import INNOCENTS

_HOW = "How it is done"


def protect(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Your model: .safetensors, or a state dict.")
    ],
    data: Annotated[
        str, typer.Option(help="What it was trained on: digits, mnist, folder:PATH, ...")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="A new folder for the model, its key and a report.")
    ],
    scheme: Annotated[
        str, typer.Option(help="A mark or a fingerprint: `arena list defenders`.")
    ] = "uchida",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the scheme."),
    ] = None,
    max_loss: Annotated[
        float, typer.Option(help="The most utility that the mark may cost, in [0, 1].")
    ] = 0.02,
    p: Annotated[
        float, typer.Option(help="In (0, 1): the mark verifies at this p or a smaller one.")
    ] = 1e-6,
    epochs: Annotated[
        str,
        typer.Option(
            metavar="N,N,...", help="Of fine-tuning, tried in turn.", rich_help_panel=_HOW
        ),
    ] = "3,10,30",
    lr: Annotated[
        float, typer.Option(help="Learning rate of fine-tuning (Adam).", rich_help_panel=_HOW)
    ] = 1e-3,
    innocents: Annotated[
        int,
        typer.Option(
            min=0,
            max=INNOCENTS,
            help="Independent models that try the key.",
            rich_help_panel=_HOW,
        ),
    ] = 6,
    innocent_epochs: Annotated[
        int, typer.Option(min=1, help="How long those are trained.", rich_help_panel=_HOW)
    ] = 30,
    architecture: Architecture = "",
    passphrase_file: PassphraseFile = None,
    device: Device = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of the key, for tests: who knows it, knows the key.", rich_help_panel=_HOW
        ),
    ] = None,
    data_seed: Annotated[
        int,
        typer.Option(min=0, help="Cuts data that have no test part.", rich_help_panel=_HOW),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Mark a copy of your own model, or take its fingerprint, and keep the key."""
    from arena.view.protect.protect_command import Wish
    from arena.view.protect.protect_command import protect as carry_out

    wish = Wish(
        model=model,
        data=data,
        out=out,
        scheme=scheme,
        changes=tuple(changes or ()),
        max_loss=max_loss,
        p=p,
        epochs=epochs,
        lr=lr,
        innocents=innocents,
        innocent_epochs=innocent_epochs,
        architecture=architecture,
        passphrase_file=passphrase_file,
        device=device,
        seed=seed,
        data_seed=data_seed,
        as_json=as_json,
    )
    raise typer.Exit(carry_out(wish))
