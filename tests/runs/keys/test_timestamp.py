"""Time-stamps on commitments: read, checked against authorities, and never taken for another's.

`stamp/stamp.tsr` is one that OpenSSL gave, in the name of `stamp/authority.pem`, for `ENTRY`.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from arena.errors import KeyFileError
from arena.runs.keys.commitments import Commitments, SignedEntry, Statement, author_of
from arena.runs.keys.timestamp import read_roots, read_stamp
from arena.view.exit_codes import ExitCode
from arena.view.protect.keys_command import check_commitments

STAMP = Path(__file__).parent / "stamp"
TOKEN = (STAMP / "stamp.tsr").read_bytes()


@pytest.fixture(scope="module")
def entry() -> SignedEntry:
    identity = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    statement = Statement(
        number=0,
        previous="",
        stated_at="2026-11-28T12:00:00+00:00",
        scheme="uchida",
        key_sha256="a" * 64,
        model_sha256="b" * 64,
        author=author_of(identity),
    )
    signature = identity.sign(statement.signed_bytes()).hex()
    return SignedEntry(statement=statement, signature=signature)


def test_a_stamp_is_trusted_where_its_authority_is(entry: SignedEntry) -> None:
    mine, stranger = (read_roots(STAMP / name) for name in ("authority.pem", "stranger.pem"))
    stamps = [read_stamp(TOKEN, entry.digest, roots) for roots in (mine, stranger, [])]
    assert [stamp.trusted for stamp in stamps] == [True, False, False]
    assert {stamp.time.isoformat()[:10] for stamp in stamps} == {"2026-11-28"}
    assert "do not stand behind it" in stamps[1].reason


def test_a_stamp_of_something_else_is_refused() -> None:
    with pytest.raises(KeyFileError, match="expected a time-stamp of 0000"):
        read_stamp(TOKEN, "0" * 64)


@pytest.mark.parametrize("token", [b"", b"no stamp", TOKEN[:200], TOKEN[:-1] + b"\x00"])
def test_a_damaged_stamp_is_refused_or_not_trusted(entry: SignedEntry, token: bytes) -> None:
    try:
        assert not read_stamp(token, entry.digest, read_roots(STAMP / "authority.pem")).trusted
    except KeyFileError as error:
        assert "expected a time-stamp response" in str(error)  # noqa: PT017 - either may happen


def test_without_its_library_the_way_out_is_said(
    entry: SignedEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(KeyFileError, match="pip install 'copyright-arena"):
        read_stamp(TOKEN, entry.digest)


@pytest.mark.parametrize(
    ("roots", "holds", "said"),
    [
        ("authority.pem", True, "time-stamp 2026-11-28T"),
        ("stranger.pem", False, "- the time-stamp of entry 0: the given authorities do not"),
        ("", True, "not trusted: no authority was given"),
    ],
)
def test_a_file_is_checked_with_its_stamps(
    entry: SignedEntry,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    roots: str,
    holds: bool,
    said: str,
) -> None:
    tokens = {entry.digest: base64.b64encode(TOKEN).decode()}
    path = tmp_path / "commitments.json"
    path.write_text(json.dumps(Commitments(entries=(entry,), tokens=tokens).plain()))
    believed = STAMP / roots if roots else None
    code = check_commitments(path, None, believed, "", as_json=False)
    assert code == (ExitCode.DONE if holds else ExitCode.FAILED)
    assert said in capsys.readouterr().out


def test_a_stamp_without_an_entry_is_a_problem(entry: SignedEntry) -> None:
    known = Commitments(entries=(entry,), tokens={"0" * 64: "AAAA"})
    assert known.problems() == ["a time-stamp belongs to no entry: 0000000000000000"]
