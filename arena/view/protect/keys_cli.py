"""The command lines of `arena keys`. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from arena.view.options import AsJson, KeyFolder, PassphraseFile

keys = typer.Typer(
    help="Keys and commitments: since when is a key yours, and what does it show?",
    no_args_is_help=True,
)

CommitmentsFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="COMMITMENTS", help="A file of commitments.")
]


@keys.command()
def show(key: KeyFolder, as_json: AsJson = False) -> None:
    """Say what a key is for; nothing secret is shown."""
    from arena.view.protect.keys_command import show_key

    raise typer.Exit(show_key(key, as_json=as_json))


@keys.command()
def commit(
    key: KeyFolder,
    to: Annotated[
        Path, typer.Option(metavar="COMMITMENTS", help="The file that gets one more entry.")
    ],
    identity: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM", help="Your Ed25519 key; by default one in KEY, made if it is not there."
        ),
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option(metavar="TSR", help="A time-stamp (RFC 3161) of your entry's digest."),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Commit to a key: append a signed entry to a file that you publish."""
    from arena.runs.keys.folder import IDENTITY
    from arena.view.protect.keys_command import commit_key
    from arena.view.protect.passphrase import passphrase_from

    path = identity or key / IDENTITY
    raise typer.Exit(commit_key(key, to, path, token, passphrase_from(passphrase_file)))


@keys.command()
def check(
    commitments: CommitmentsFile,
    key: Annotated[
        Path | None, typer.Option(metavar="KEY", help="A key that was opened before you.")
    ] = None,
    roots: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Authorities whose time-stamps you believe."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Check somebody's commitments: chain, signatures, time-stamps, and an opened key.

    Exit code 0: they hold. 1: they do not. 2: bad input.
    """
    from arena.view.protect.keys_command import check_commitments
    from arena.view.protect.passphrase import passphrase_from

    code = check_commitments(
        commitments, key, roots, passphrase_from(passphrase_file), as_json=as_json
    )
    raise typer.Exit(code)


@keys.command()
def reveal(
    key: KeyFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the opened key.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Open a key for a judge: a copy without passphrase and without your identity."""
    from arena.view.protect.keys_command import reveal_key
    from arena.view.protect.passphrase import passphrase_from

    raise typer.Exit(reveal_key(key, out, passphrase_from(passphrase_file)))
