"""Texts as data: rows of bytes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import DataError
from arena.world.data import input_shape, known, load
from arena.world.data.sources.texts import ROW, fables


def test_the_fables_are_a_text_of_ours() -> None:
    source = load("fables")
    info = next(info for info in known() if info.name == "fables")
    assert (len(source.train), len(source.test)) == (info.n_train, info.n_test)
    assert fables().train.digest() == source.train.digest()
    told = bytes(source.train.images.flatten().tolist()).decode()
    assert told.isascii()
    assert "{" not in told


def test_a_text_of_a_persons_own_is_cut_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    text = "".join(f"{i:07d} " for i in range(1600))
    path.write_text(text + "the rest")
    source = load(f"text:{path}")
    rows = [*source.train.images.flatten().tolist(), *source.test.images.flatten().tolist()]
    assert bytes(rows).decode() == text
    assert (len(source.train), len(source.test)) == (90, 10)
    assert source.train.input_shape == (ROW,) == input_shape(f"text:{path}")


@pytest.mark.parametrize(
    ("blob", "match"),
    [
        (b"short", "expected a text of at least 5,120 bytes"),
        (b"a" * 9000 + b"\xff", "expected a text in UTF-8 at .*found a byte that is none at 9,000"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, blob: bytes, match: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(blob)
    with pytest.raises(DataError, match=match):
        load(f"text:{path}")


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a text file at .*, found a folder; write"):
        load(f"text:{tmp_path}")


def test_tinyshakespeare_is_read_where_the_users_data_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"found no tinyshakespeare\.txt in"):
        load("tinyshakespeare")
    (tmp_path / "tinyshakespeare.txt").write_text("First Citizen:\nspeak. " * 400)
    assert len(load("tinyshakespeare").train) == 61
    monkeypatch.delenv("ARENA_DATA")
    with pytest.raises(DataError, match="found no such folder"):
        load("tinyshakespeare")
