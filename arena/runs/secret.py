"""The referee's secret: what keeps everything graded from being derived from a scenario's seed.

A scenario's seed is public, and so is the code: whoever has both can expand every key, every split
and every innocent again. With a secret the root of all randomness is a keyed hash of the seed. Who
holds the secret has the same bits again; the ledger holds a hash of it alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from arena.errors import ScenarioError
from arena.runs.keys.first_write import write_first

VARIABLE = "ARENA_SECRET"
_SHORTEST = 16  # characters
_WIDE = 1 << 255  # a root from a secret is wider than any seed; see `Rng`


def read_secret(path: Path | None) -> str:
    """Return the secret in a file, else in $ARENA_SECRET, else "" for none.

    A file that is not there is made, of mode 600, with 64 random hex digits.

    Raises:
        ScenarioError: the file cannot be read or made, or the secret is too short.
    """
    found = os.environ.get(VARIABLE, "") if path is None else _in_file(path)
    if found and len(found) < _SHORTEST:
        where = path or f"${VARIABLE}"
        raise ScenarioError(
            [f"expected a secret of at least {_SHORTEST} characters in {where}, found {len(found)}"]
        )
    return found


def _in_file(path: Path) -> str:
    try:
        if not path.exists():
            write_first(path, f"{secrets.token_hex(32)}\n".encode(), private=True)
        return path.read_text(encoding="utf-8").strip() or " "
    except (OSError, ValueError) as error:
        raise ScenarioError([f"expected a secret in {path}, cannot read it ({error})"]) from error


def root_of(seed: int, secret: str) -> int:
    """Return the root of all randomness: the seed, or HMAC-SHA256 of it under a secret.

    >>> root_of(7, "")
    7
    >>> root_of(7, "a" * 16) == root_of(7, "b" * 16)
    False
    """
    if not secret:
        return seed
    keyed = hmac.new(secret.encode(), f"arena root {seed}".encode(), hashlib.sha256)
    return _WIDE | int.from_bytes(keyed.digest(), "big")


def commitment(seed: int, root: int) -> str:
    """Return the hash by which a ledger is bound to a secret root; "" where seed is the root."""
    return "" if root == seed else hashlib.sha256(f"arena secret root {root}".encode()).hexdigest()
