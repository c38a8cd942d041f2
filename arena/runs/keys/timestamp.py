"""Time-stamps of an authority on commitments (RFC 3161), checked offline.

`rfc3161-client` (extra `timestamp`) reads and checks them; without it they are carried along, and
said to be unchecked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.x509 import Certificate, load_pem_x509_certificates

from arena.errors import KeyFileError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MISSING = (
    "time-stamps are read by rfc3161-client, which is not installed; try "
    "pip install 'copyright-arena[timestamp]'"
)


@dataclass(frozen=True)
class Stamp:
    """What a time-stamp says: when, and whether the given authorities stand behind it."""

    time: datetime
    trusted: bool
    reason: str = ""


def read_stamp(token: bytes, digest: str, roots: Sequence[Certificate] = ()) -> Stamp:
    """Return what a time-stamp says of a digest.

    Args:
        token: a time-stamp response (.tsr) in DER.
        digest: SHA-256 in hex of what it is for.
        roots: the authorities that are believed; without one, nobody stands behind it.

    Raises:
        KeyFileError: it is no time-stamp, is one of something else, or nothing installed reads it.
    """
    response = _decoded(token)
    stamped = response.tst_info.message_imprint.message
    if stamped.hex() != digest:
        raise KeyFileError(
            f"expected a time-stamp of {digest[:16]}..., found one of {stamped.hex()[:16]}...; "
            "ask the authority for one of the digest that `arena keys commit` prints"
        )
    time = response.tst_info.gen_time
    if not roots:
        return Stamp(time, False, "no authority was given that is believed (--roots)")
    return _checked(response, stamped, roots, time)


def _decoded(token: bytes) -> TimeStampResponse:
    try:
        from rfc3161_client import decode_timestamp_response
    except ImportError as error:
        raise KeyFileError(MISSING) from error
    try:
        return decode_timestamp_response(token)
    except ValueError as error:
        raise KeyFileError(
            f"expected a time-stamp response (.tsr), found other bytes ({error}); "
            "ask the authority again"
        ) from error


def _checked(
    response: TimeStampResponse, stamped: bytes, roots: Sequence[Certificate], time: datetime
) -> Stamp:
    from rfc3161_client import VerificationError, VerifierBuilder

    try:
        VerifierBuilder(roots=list(roots)).build().verify(response, stamped)
    except VerificationError as error:
        reason = str(error).partition(":")[0]
        return Stamp(time, False, f"the given authorities do not stand behind it ({reason})")
    return Stamp(time, True)


def read_roots(path: Path) -> list[Certificate]:
    """Return the certificates in a PEM file.

    Raises:
        KeyFileError: there are none.
    """
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"expected certificates (PEM) of authorities in {path}, found none ({error})"
        ) from error
