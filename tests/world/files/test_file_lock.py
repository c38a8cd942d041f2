"""Locks among processes, and files that follow the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.world.files import file_lock
from arena.world.files.atomic_write import write_whole
from arena.world.files.file_lock import hold


def test_what_is_held_is_not_held_twice(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with hold(path) as first, hold(path, wait=False) as second:
        assert (first, second) == (True, False)
    with hold(path, wait=False) as third:
        assert third


def test_a_system_without_locks_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "fcntl", None)
    with pytest.raises(StoreError, match="expected Linux, macOS or WSL"), hold(tmp_path / "lock"):
        pass


@pytest.mark.parametrize(("private", "mode"), [(False, 0o644), (True, 0o600)])
def test_a_file_follows_the_umask_unless_it_is_private(
    tmp_path: Path, private: bool, mode: int
) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", b"x", private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "taken", b"x")
    assert os.listdir(tmp_path) == ["taken"]
