"""Where a passphrase comes from: a file or a prompt, never the command line."""

from __future__ import annotations

from pathlib import Path

import typer

from arena.errors import KeyFileError


def passphrase_from(file: Path | None) -> str:
    """Return the passphrase in a file, `-` for a prompt, "" for none.

    Raises:
        KeyFileError: the file cannot be read, or is empty.
    """
    if file is None:
        return ""
    if str(file) == "-":
        return str(typer.prompt("passphrase", hide_input=True, err=True))
    try:
        said = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"expected a passphrase in {file}, found that it cannot be read ({error}); "
            "write it into a text file, or say --passphrase-file - for a prompt"
        ) from error
    if not said:
        raise KeyFileError(f"expected a passphrase in {file}, found an empty file; write one")
    return said
