"""Commitments: a chain that shows what was changed, and by whom it was signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from arena.errors import KeyFileError
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.commitments import (
    Commitments,
    author_of,
    commit,
    identity_in,
    read_commitments,
)
from arena.runs.keys.folder import About
from arena.world.models import Model

THEN = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def about(tiny: Model) -> Callable[[str], About]:
    def of(digit: str) -> About:
        return About(
            scheme=PlayerSpec(name="uchida"),
            commitment=digit * 64,
            model=tiny.digest(),
            card=tiny.card,
        )

    return of


@pytest.fixture
def chain(about: Callable[[str], About]) -> Commitments:
    """Three entries of two authors."""
    mine, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    known = Commitments()
    for digit, author in (("a", mine), ("b", theirs), ("c", mine)):
        known = known.extended(about(digit), author, THEN)
    return known


def changed(chain: Commitments, edit: Callable[[list[dict[str, Any]]], object]) -> Commitments:
    plain = json.loads(json.dumps(chain.plain()))
    edit(plain["entries"])
    return Commitments.model_validate(plain)


def test_a_chain_that_nobody_touched_holds(chain: Commitments) -> None:
    assert chain.problems() == []
    assert [entry.statement.number for entry in chain.of_key("c" * 64)] == [2]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (
            lambda e: e[1]["statement"].update(stated_at="2020-01-01T00:00:00+00:00"),
            "entry 1 is not",
        ),
        (lambda e: e[1]["statement"].update(key_sha256="d" * 64), "entry 1 is not signed"),
        (lambda e: e[0]["statement"].update(author=e[1]["statement"]["author"]), "entry 0 is not"),
        (lambda e: e.pop(0), "entry 0 does not follow"),
        (lambda e: e.pop(1), "entry 1 does not follow"),
        (lambda e: e.reverse(), "entry 0 does not follow"),
        (lambda e: e[0].update(signature="0" * 128), "entry 0 is not signed"),
    ],
)
def test_whatever_is_changed_is_seen(
    chain: Commitments, edit: Callable[[list[dict[str, Any]]], object], problem: str
) -> None:
    assert any(problem in found for found in changed(chain, edit).problems())


def test_an_entry_is_signed_again_only_with_its_own_identity(
    chain: Commitments, about: Callable[[str], About]
) -> None:
    """A forger who rewrites the first entry as his own breaks the link of the second."""
    forger = Ed25519PrivateKey.generate()
    forged = Commitments().extended(about("a"), forger, THEN)
    spliced = chain.model_copy(update={"entries": (*forged.entries, *chain.entries[1:])})
    assert spliced.problems() == ["entry 1 does not follow the entry before it"]


def test_committing_again_adds_nothing(about: Callable[[str], About], tmp_path: Path) -> None:
    path, identity = tmp_path / "commitments.json", identity_in(tmp_path / "identity.pem")
    first = commit(path, about("a"), identity)
    assert commit(path, about("a"), identity) == first
    assert commit(path, about("b"), identity).statement.previous == first.digest
    assert [entry.is_signed() for entry in read_commitments(path).entries] == [True, True]


def test_two_first_processes_have_one_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, drawn = tmp_path / "identity.pem", Ed25519PrivateKey.generate
    others: list[str] = []

    def meanwhile() -> Ed25519PrivateKey:
        if not others:
            others.append("")
            others[0] = author_of(identity_in(path))
        return drawn()

    monkeypatch.setattr(Ed25519PrivateKey, "generate", meanwhile)
    assert author_of(identity_in(path)) == others[0]


def test_nothing_is_appended_to_a_file_that_does_not_hold(
    about: Callable[[str], About], chain: Commitments, tmp_path: Path
) -> None:
    broken = changed(chain, lambda entries: entries.pop(1))
    (tmp_path / "c.json").write_text(json.dumps(broken.plain()))
    with pytest.raises(KeyFileError, match="does not hold: entry 1"):
        commit(tmp_path / "c.json", about("d"), Ed25519PrivateKey.generate())


def test_an_identity_stays_and_is_closed_by_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    made = identity_in(path, "six blind mice")
    assert author_of(identity_in(path, "six blind mice")) == author_of(made)
    assert b"ENCRYPTED" in path.read_bytes()
    for passphrase in ("", "another"):
        with pytest.raises(KeyFileError, match="cannot be read"):
            identity_in(path, passphrase)


def test_a_file_of_another_form_is_met_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"entries": [{"statement": 3}]}')
    for name in ("c.json", "none.json"):
        with pytest.raises(KeyFileError, match="expected a file of commitments"):
            read_commitments(tmp_path / name)
