"""`arena keys`: what keys are for, since when, and whether somebody's commitments hold."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from cryptography.x509 import Certificate

from arena.errors import KeyFileError
from arena.runs.keys.commitments import (
    Commitments,
    SignedEntry,
    commit,
    identity_in,
    read_commitments,
    write_commitments,
)
from arena.runs.keys.folder import is_sealed, read_about, read_key, write_key
from arena.runs.keys.timestamp import read_roots, read_stamp
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.world.json_values import Json


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False)


def show_key(folder: Path, *, as_json: bool) -> int:
    """Print what a key is for, and return the exit code; raises like `read_about`."""
    about = read_about(folder)
    facts: dict[str, Json] = {
        "scheme": about.scheme.name,
        "paper": about.defense.paper,
        "settings": about.scheme.settings,
        "key_sha256": about.commitment,
        "model_sha256": about.model,
        "model": about.card.title,
        "data": about.data,
        "innocents": about.innocents,
        "accused": about.accused,
        "closed": is_sealed(folder),
    }
    if as_json:
        _console().print_json(data=facts, indent=2)
        return ExitCode.DONE
    for name, value in facts.items():
        _console().print(f"{name:<13} {value}")
    return ExitCode.DONE


def commit_key(folder: Path, to: Path, identity: Path, token: Path | None, passphrase: str) -> int:
    """Append a commitment to a file, or give the one that is there its time-stamp.

    Raises:
        KeyFileError: the key, the identity, the file or the time-stamp is not what it should be.
    """
    owned = read_key(folder, passphrase)
    entry = commit(to, owned.about, identity_in(identity, passphrase))
    said = _console()
    said.print(f"entry {entry.statement.number} of {to}: {entry.statement.key_sha256}")
    said.print(f"author       {entry.statement.author}")
    said.print(f"digest       {entry.digest}")
    if token is None:
        said.print("An authority's time-stamp of the digest dates it; add it with --token.")
    else:
        said.print(f"time-stamp   {_attach(to, entry, token)}")
    return ExitCode.DONE


def _attach(to: Path, entry: SignedEntry, token: Path) -> str:
    """Put a time-stamp beside its entry, and return its time in words."""
    try:
        blob = token.read_bytes()
    except OSError as error:
        raise KeyFileError(f"expected a time-stamp in {token}, found {error.strerror}") from error
    stamp = read_stamp(blob, entry.digest)
    known = read_commitments(to)
    tokens = {**known.tokens, entry.digest: base64.b64encode(blob).decode()}
    write_commitments(to, known.model_copy(update={"tokens": tokens}))
    return stamp.time.isoformat()


def check_commitments(
    path: Path, key: Path | None, roots: Path | None, passphrase: str, *, as_json: bool
) -> int:
    """Check a file of commitments and print what was found; return the exit code.

    Raises:
        KeyFileError: the file, the key or the authorities cannot be read.
    """
    known = read_commitments(path)
    problems = known.problems()
    believed = [] if roots is None else read_roots(roots)
    rows = [_row(known, entry, believed, problems) for entry in known.entries]
    opened = _opened(known, key, passphrase, problems)
    found: dict[str, Json] = {"holds": not problems, "problems": problems, "entries": rows}
    if as_json:
        _console().print_json(data=found | {"opened": opened}, indent=2)
    else:
        _print_check(rows, opened, problems)
    return ExitCode.FAILED if problems else ExitCode.DONE


def _row(
    known: Commitments, entry: SignedEntry, roots: Sequence[Certificate], problems: list[str]
) -> dict[str, Json]:
    """Return what an entry says; an untrue or untrusted time-stamp is a problem."""
    stamp = ""
    token = known.tokens.get(entry.digest)
    if token is not None:
        stamp = _stamp_in_words(entry, token, roots, problems)
    return {**entry.statement.plain(), "digest": entry.digest, "time_stamp": stamp}


def _stamp_in_words(
    entry: SignedEntry, token: str, roots: Sequence[Certificate], problems: list[str]
) -> str:
    try:
        stamp = read_stamp(base64.b64decode(token), entry.digest, roots)
    except (KeyFileError, ValueError) as error:
        problems.append(f"the time-stamp of entry {entry.statement.number}: {error}")
        return "not read"
    if stamp.trusted:
        return stamp.time.isoformat()
    if roots:
        problems.append(f"the time-stamp of entry {entry.statement.number}: {stamp.reason}")
    return f"{stamp.time.isoformat()}, not trusted: {stamp.reason}"


def _opened(
    known: Commitments, key: Path | None, passphrase: str, problems: list[str]
) -> list[int]:
    """Return the numbers of the entries that are committed to an opened key."""
    if key is None:
        return []
    about = read_key(key, passphrase).about
    numbers = [entry.statement.number for entry in known.of_key(about.commitment)]
    if not numbers:
        problems.append(f"no entry is committed to the key in {key}")
    return numbers


def _print_check(
    rows: Sequence[dict[str, Json]], opened: Sequence[int], problems: Sequence[str]
) -> None:
    said = _console()
    for row in rows:
        mark = "  <- the opened key" if row["number"] in opened else ""
        said.print(f"entry {row['number']}: {row['scheme']}, key {row['key_sha256']}{mark}")
        said.print(f"  model {row['model_sha256']}")
        said.print(f"  author {row['author']}, who says {row['stated_at']}")
        if row["time_stamp"]:
            said.print(f"  time-stamp {row['time_stamp']}")
    for problem in problems:
        said.print(f"- {problem}")
    holds = "do not hold" if problems else "hold: chain and signatures are whole"
    said.print(f"The commitments {holds}.")


def reveal_key(folder: Path, out: Path, passphrase: str) -> int:
    """Write an opened copy of a key; raises like `read_key` and `write_key`."""
    owned = read_key(folder, passphrase)
    write_key(owned, out)
    _console().print(f"{out} opens the key {owned.about.commitment}: give it to the judge alone")
    return ExitCode.DONE
