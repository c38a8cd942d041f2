"""Sealing bytes with a passphrase: AES-256-GCM under a key that scrypt derives from it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from arena.errors import KeyFileError
from arena.world.json_values import Json, Raw, canonical, from_json

_COST: Mapping[str, int] = {"n": 2**15, "r": 8, "p": 1}  # 32 MiB and about 0.1 s a guess
_MOST = {"n": 2**20, "r": 16, "p": 4}  # a file that asks for more would take all memory
_KEY, _SALT, _NONCE = 32, 16, 12  # bytes


def seal(blob: bytes, passphrase: str) -> bytes:
    """Return the sealed form: JSON with all that opening needs, except the passphrase.

    Source: Percival and Josefsson, RFC 7914 (scrypt); Dworkin, NIST SP 800-38D (GCM).
    """
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    head: dict[str, Json] = {"format": "arena sealed 1", "scrypt": dict(_COST), "salt": _text(salt)}
    cipher = AESGCM(_derived(passphrase, salt, _COST))
    closed = cipher.encrypt(nonce, blob, canonical(head).encode())
    return canonical({**head, "nonce": _text(nonce), "sealed": _text(closed)}).encode()


def unseal(blob: bytes, passphrase: str) -> bytes:
    """Return what was sealed.

    Raises:
        KeyFileError: the bytes are not a sealed form, were changed, or the passphrase is another.
    """
    try:
        read: Raw = from_json(blob)
        head = {name: read[name] for name in ("format", "scrypt", "salt")}
        cost = {name: int(head["scrypt"][name]) for name in _COST}
        salt, nonce, closed = (_bytes(read[name]) for name in ("salt", "nonce", "sealed"))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(
            f"expected a sealed key, found something else ({error}); restore the file from a copy"
        ) from error
    if any(not 1 <= cost[name] <= _MOST[name] for name in cost):
        raise KeyFileError(f"expected a sealed key of usual cost, found scrypt with {cost}")
    try:
        return AESGCM(_derived(passphrase, salt, cost)).decrypt(
            nonce, closed, canonical(head).encode()
        )
    except (InvalidTag, ValueError) as error:
        raise KeyFileError(
            "the key cannot be opened: another passphrase, or the file was changed; try again"
        ) from error


def _derived(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=_KEY, **cost).derive(passphrase.encode())


def _text(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
