"""Files that a person names as output: nothing of another kind is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.world.files.named_output import check_output, write_output


def is_note(path: Path) -> bool:
    return path.read_bytes().startswith(b"note ")


def test_a_file_is_written_where_nothing_or_one_of_its_kind_stands(tmp_path: Path) -> None:
    for blob in (b"note 1", b"note 2"):
        write_output(tmp_path / "new" / "x", blob, "a note", is_note)
        assert (tmp_path / "new" / "x").read_bytes() == blob


def test_what_is_of_another_kind_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"dear")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "dangling"):
        with pytest.raises(StoreError, match=f"expected a note or nothing at .*{name}, found"):
            write_output(tmp_path / name, b"note", "a note", is_note)
        with pytest.raises(StoreError, match="left as it is"):
            check_output(tmp_path / name, "a note", is_note)
    assert (tmp_path / "file").read_bytes() == b"dear"
    assert (tmp_path / "dangling").is_symlink()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"dear")
    with pytest.raises(StoreError, match="expected a file that can be written"):
        write_output(tmp_path / "file" / "x", b"note", "a note", is_note)
