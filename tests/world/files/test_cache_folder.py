"""The cache: where the environment says; none, said once, where it cannot be written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.world.files import cache_folder as module
from arena.world.files.cache_folder import cache_folder, user_cache


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    module._can_be_written.cache_clear()
    module._warn.cache_clear()


def test_a_folder_that_cannot_be_made_is_none_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        assert cache_folder() is None
        assert cache_folder() is None
    (record,) = caplog.records
    assert "name another folder in ARENA_CACHE" in record.getMessage()


def test_a_user_without_a_home_has_no_cache(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for name in ("ARENA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreError, match="name a folder in ARENA_CACHE"):
        user_cache()
    with caplog.at_level(logging.WARNING):
        assert cache_folder() is None
    assert "expected a home folder" in caplog.text
