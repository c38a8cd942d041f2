"""Commitments to keys: a public file of entries, each chained to the one before and signed.

Whoever holds the file can check, with nothing but this module, that no entry was changed, removed
or put between others after the next one was written, and that each was signed by its author. What
it cannot say is when: an author writes the date himself, so that a date which others must believe
comes from a time-stamp of an authority (RFC 3161), or from a place that others keep.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError

from arena.errors import KeyFileError
from arena.runs.keys.first_write import write_first
from arena.runs.keys.folder import About, unwritable
from arena.world.files.atomic_write import write_whole
from arena.world.files.file_lock import hold, lock_of
from arena.world.json_values import Frozen, canonical

_HEX_64 = r"^[0-9a-f]{64}$"


class Statement(Frozen):
    """What an author signs.

    Attributes:
        number: of the entry, from 0. previous: digest of the entry before; "" for the first.
        stated_at: when, by the author's own word (UTC, ISO 8601).
        scheme: by name. key_sha256: commitment to the key. model_sha256: digest of its model.
        author: public key (Ed25519) in hex.
    """

    number: int = Field(ge=0)
    previous: str
    stated_at: str
    scheme: str
    key_sha256: str = Field(pattern=_HEX_64)
    model_sha256: str = Field(pattern=_HEX_64)
    author: str = Field(pattern=_HEX_64)

    def signed_bytes(self) -> bytes:
        """Return the bytes that are signed."""
        return b"arena commitment" + canonical(self.plain()).encode()


class SignedEntry(Frozen):
    """A statement and its author's signature in hex (Bernstein et al., CHES 2011; RFC 8032)."""

    statement: Statement
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")

    @property
    def digest(self) -> str:
        """Return the SHA-256 that the next entry names, and that a time-stamp is given for."""
        return hashlib.sha256(canonical(self.plain()).encode()).hexdigest()

    def is_signed(self) -> bool:
        """Say whether the author signed this statement."""
        try:
            author = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.statement.author))
            author.verify(bytes.fromhex(self.signature), self.statement.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


class Commitments(Frozen):
    """The file: entries in their order, and time-stamp tokens (base64) by an entry's digest."""

    format: Literal[1] = 1
    entries: tuple[SignedEntry, ...] = ()
    tokens: dict[str, str] = Field(default_factory=dict)

    def problems(self) -> list[str]:
        """Return what is wrong with the chain, a sentence each."""
        found, previous = [], ""
        for number, entry in enumerate(self.entries):
            said = entry.statement
            if said.number != number or said.previous != previous:
                found.append(f"entry {number} does not follow the entry before it")
            if not entry.is_signed():
                found.append(f"entry {number} is not signed by its author")
            previous = entry.digest
        found += [
            f"a time-stamp belongs to no entry: {digest[:16]}"
            for digest in self.tokens
            if digest not in {entry.digest for entry in self.entries}
        ]
        return found

    def of_key(self, key_sha256: str) -> list[SignedEntry]:
        """Return the entries that are committed to a key, in their order."""
        return [entry for entry in self.entries if entry.statement.key_sha256 == key_sha256]

    def extended(self, about: About, identity: Ed25519PrivateKey, now: datetime) -> Commitments:
        """Return the commitments with one more: to the key that `about` is about."""
        statement = Statement(
            number=len(self.entries),
            previous=self.entries[-1].digest if self.entries else "",
            stated_at=now.astimezone(UTC).isoformat(timespec="seconds"),
            scheme=about.scheme.name,
            key_sha256=about.commitment,
            model_sha256=about.model,
            author=author_of(identity),
        )
        entry = SignedEntry(
            statement=statement, signature=identity.sign(statement.signed_bytes()).hex()
        )
        return self.model_copy(update={"entries": (*self.entries, entry)})


def read_commitments(path: Path) -> Commitments:
    """Return the commitments in a file; whether they hold, `problems` says.

    Raises:
        KeyFileError: there is no such file, or it is of another form.
    """
    try:
        return Commitments.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise KeyFileError(
            f"expected a file of commitments, found none in {path} ({reason}); "
            "`arena keys commit` makes one"
        ) from error


def commit(path: Path, about: About, identity: Ed25519PrivateKey) -> SignedEntry:
    """Append a commitment to a file, which is made if it is missing; return the entry.

    A key that its author committed to before is not entered twice: the first entry is returned.

    Raises:
        KeyFileError: the file does not hold, or cannot be written.
    """
    with hold(lock_of(path)):
        known = read_commitments(path) if path.exists() else Commitments()
        problems = known.problems()
        if problems:
            raise KeyFileError(f"{path} does not hold: {'; '.join(problems)}; ask for another copy")
        for entry in known.of_key(about.commitment):
            if entry.statement.author == author_of(identity):
                return entry
        longer = known.extended(about, identity, datetime.now(UTC))
        write_commitments(path, longer)
    return longer.entries[-1]


def write_commitments(path: Path, commitments: Commitments) -> None:
    """Write commitments into a file, whole.

    Raises:
        KeyFileError: it cannot be written.
    """
    try:
        write_whole(path, json.dumps(commitments.plain(), indent=2).encode() + b"\n")
    except OSError as error:
        raise unwritable(path, error) from error


def author_of(identity: Ed25519PrivateKey) -> str:
    """Return the public key of an identity in hex."""
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return identity.public_key().public_bytes(*raw).hex()


def identity_in(path: Path, passphrase: str = "") -> Ed25519PrivateKey:
    """Return the identity in a PEM file; one is made, for this user alone, where there is none.

    Raises:
        KeyFileError: it is no Ed25519 key, or is closed with another passphrase.
    """
    if not path.exists():
        _new_identity(path, passphrase)
    secret = passphrase.encode() or None
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), secret)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"the identity in {path} cannot be read ({error}); check it") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyFileError(f"expected an Ed25519 key in {path}, found another kind of key")
    return found


def _new_identity(path: Path, passphrase: str) -> None:
    made = Ed25519PrivateKey.generate()
    closed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        closed = serialization.BestAvailableEncryption(passphrase.encode())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    try:
        write_first(path, made.private_bytes(*pem, closed), private=True)
    except OSError as error:
        raise unwritable(path, error) from error
