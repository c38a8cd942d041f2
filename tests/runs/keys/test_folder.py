"""A key as a folder: private, closed where asked, and never another than the committed one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import torch

from arena.errors import KeyFileError
from arena.game.rules.keys import Key
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.folder import About, OwnedKey, is_sealed, read_about, read_key, write_key
from arena.runs.keys.sealing import seal, unseal
from arena.world.models import Model


@pytest.fixture
def owned(tiny: Model) -> OwnedKey:
    key = Key("uchida", "5e" * 32, {"layer": "body.0"}, {"bits": torch.ones(4)})
    about = About(
        scheme=PlayerSpec(name="uchida"),
        commitment=key.commitment(),
        model=tiny.digest(),
        card=tiny.card,
    )
    return OwnedKey(key, about)


@pytest.mark.parametrize("passphrase", ["", "six blind mice"])
def test_a_key_is_read_back_and_is_nobody_elses(
    owned: OwnedKey, tmp_path: Path, passphrase: str
) -> None:
    folder = tmp_path / "key"
    write_key(owned, folder, passphrase)
    assert is_sealed(folder) == bool(passphrase)
    read = read_key(folder, passphrase)
    assert read.about == owned.about == read_about(folder)
    assert read.key.commitment() == owned.key.commitment()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    secret = owned.key.seed.encode()
    shown = [secret in file.read_bytes() for file in folder.iterdir()]
    assert any(shown) != bool(passphrase)


def test_a_key_is_never_written_over(owned: OwnedKey, tmp_path: Path) -> None:
    write_key(owned, tmp_path / "key")
    with pytest.raises(KeyFileError, match="expected a new folder, found a key"):
        write_key(owned, tmp_path / "key")


def test_a_folder_of_other_things_is_not_made_a_keys(owned: OwnedKey, tmp_path: Path) -> None:
    (tmp_path / "key.safetensors").write_bytes(b"another")
    mode = tmp_path.stat().st_mode
    with pytest.raises(KeyFileError, match="expected a new or an empty folder, found other files"):
        write_key(owned, tmp_path)
    assert (tmp_path / "key.safetensors").read_bytes() == b"another"
    assert tmp_path.stat().st_mode == mode


def test_another_key_in_its_place_is_seen(owned: OwnedKey, tmp_path: Path) -> None:
    write_key(owned, tmp_path)
    other = Key("uchida", "00" * 32, owned.key.settings, owned.key.tensors)
    (tmp_path / "key.safetensors").write_bytes(other.bundle().to_bytes())
    with pytest.raises(KeyFileError, match=r"not the one that about\.json is committed to"):
        read_key(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("about.json", b"{}", "about.json is damaged"),
        ("about.json", None, "expected the folder of a key, found no about.json"),
        ("key.safetensors", b"not a key", "cannot be read"),
        ("key.safetensors", None, "cannot be read"),
    ],
)
def test_a_damaged_folder_is_met_with_a_sentence(
    owned: OwnedKey, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    write_key(owned, tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(KeyFileError, match=sentence):
        read_key(tmp_path)


def test_what_is_sealed_opens_for_its_passphrase_alone() -> None:
    closed = seal(b"a secret", "open sesame")
    assert b"a secret" not in closed
    assert unseal(closed, "open sesame") == b"a secret"
    assert seal(b"a secret", "open sesame") != closed
    with pytest.raises(KeyFileError, match="another passphrase"):
        unseal(closed, "open says me")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("sealed", "AAAA", "another passphrase, or the file was changed"),
        ("salt", "AAAA", "another passphrase, or the file was changed"),
        ("sealed", "no base64!", "expected a sealed key"),
        ("scrypt", {"n": 2**30, "r": 8, "p": 1}, "of usual cost"),
        ("scrypt", {"n": 3, "r": 8, "p": 1}, "another passphrase, or the file was changed"),
    ],
)
def test_a_changed_seal_is_met_with_a_sentence(field: str, value: object, sentence: str) -> None:
    changed = {**json.loads(seal(b"a secret", "open sesame")), field: value}
    with pytest.raises(KeyFileError, match=sentence):
        unseal(json.dumps(changed).encode(), "open sesame")
