"""Stamped folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.view.progress.stamps import STAMP, is_current, renewed, safe_name, stamp_of


def test_a_folder_is_current_once_it_is_filled(tmp_path: Path) -> None:
    folder, stamp = tmp_path / "a" / "b", stamp_of([1, 2])
    assert not is_current(folder, stamp)
    with renewed(folder, stamp):
        (folder / "file").write_text("x")
        assert not is_current(folder, stamp)
    assert is_current(folder, stamp)
    assert not is_current(folder, stamp_of([1, 3]))


def test_renewing_removes_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("x")
    with renewed(tmp_path / "a", "stamp"):
        pass
    assert [path.name for path in (tmp_path / "a").iterdir()] == [STAMP]


def test_what_breaks_off_has_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), renewed(tmp_path / "a", "stamp"):
        raise KeyboardInterrupt
    assert not is_current(tmp_path / "a", "stamp")


@pytest.mark.parametrize("title", ["uchida-vs-none-0", "a.b_c-1"])
def test_plain_titles_are_their_own_names(title: str) -> None:
    assert safe_name(title) == title


@given(st.text(max_size=20), st.text(max_size=20))
def test_names_are_files_and_differ_where_titles_do(first: str, second: str) -> None:
    one, other = safe_name(first), safe_name(second)
    assert one
    assert not one.startswith((".", "_"))
    assert not set(one) & set('/\\:*?"<>| \n\0')
    assert (one == other) == (first == second)
