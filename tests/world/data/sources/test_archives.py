import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from arena.errors import DataError
from arena.world.data.sources.archives import SUFFIXES, checksum, fingerprint, members

FILES = {"b/2": b"two", "b/1": b"one", "a": None, "a/3": b"", "top": b"t"}
KINDS = ["", *SUFFIXES]


@pytest.fixture(params=KINDS, ids=["folder", *SUFFIXES])
def packed(
    request: pytest.FixtureRequest,
    as_folder: Callable[..., Path],
    as_archive: Callable[..., Path],
) -> Callable[..., Path]:
    if request.param:
        return lambda files: as_archive(files, request.param)
    return as_folder


def paths(path: Path) -> dict[str, bytes | None]:
    return {str(place): blob for place, blob in members(path)}


def test_files_have_their_bytes_and_folders_none(packed: Callable[..., Path]) -> None:
    files = {place: blob for place, blob in paths(packed(FILES)).items() if blob is not None}
    assert files == {"b/2": b"two", "b/1": b"one", "a/3": b"", "top": b"t"}


def test_an_empty_folder_is_seen(packed: Callable[..., Path]) -> None:
    assert paths(packed({"empty": None, "a/1": b"x"}))["empty"] is None


def test_hidden_files_and_folders_are_passed_over(packed: Callable[..., Path]) -> None:
    files = {".DS_Store": b"x", "a/._1": b"x", ".git/a/1": b"x", "__MACOSX/a/1": b"x", "a/1": b"y"}
    assert [place for place, blob in paths(packed(files)).items() if blob] == ["a/1"]


def test_what_systems_leave_behind_is_passed_over(packed: Callable[..., Path]) -> None:
    names = ("Thumbs.db", "desktop.ini", "ehthumbs.db", "Icon\r", "@eaDir/1", "$RECYCLE.BIN/1")
    files = {f"a/{name}": b"x" for name in names} | {"a/1": b"y"}
    assert [place for place, blob in paths(packed(files)).items() if blob] == ["a/1"]


@pytest.mark.parametrize(
    ("local", "central", "value", "fault"),
    [
        (8, 10, lambda _: 9, "files packed by method 9, such as Windows' Deflate64"),
        (6, 8, lambda flags: flags | 1, "a password"),
        (6, 8, lambda flags: flags | 0x40, "a password"),
    ],
)
def test_a_whole_zip_that_cannot_be_unpacked_is_not_called_damaged(
    as_archive: Callable[..., Path],
    local: int,
    central: int,
    value: Callable[[int], int],
    fault: str,
) -> None:
    path = as_archive({"a/1": b"x", "b/1": b"y"}, ".zip")
    blob = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = -1
        while (at := blob.find(mark, at + 1)) >= 0:
            blob[at + offset] = value(blob[at + offset])
    path.write_bytes(blob)
    with pytest.raises(DataError) as caught:
        list(members(path))
    assert str(caught.value) == (
        f"expected an archive that can be unpacked, found {fault} in {path.name}; "
        "pack it anew without a password, as .zip with deflate or as .tar.gz"
    )


def test_a_large_file_is_read_whole(packed: Callable[..., Path]) -> None:
    blob = os.urandom(300_000)
    assert paths(packed({"a/1": blob}))["a/1"] == blob


def test_a_leading_dot_is_no_folder(as_archive: Callable[..., Path]) -> None:
    assert paths(as_archive({"./a/1": b"x"}, ".tar")) == {"a/1": b"x"}


def test_a_zip_made_on_windows_has_folders_too(as_archive: Callable[..., Path]) -> None:
    assert list(members(as_archive({"a\\1": b"x"}, ".zip"))) == [(PurePosixPath("a/1"), b"x")]


def test_a_linked_class_folder_is_followed_and_a_circle_ends(
    as_folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = as_folder({"a/1": b"x"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2").write_bytes(b"y")
    (root / "b").symlink_to(elsewhere)
    assert paths(root)["b/2"] == b"y"
    (root / "a" / "circle").symlink_to(root)
    assert max(len(place.parts) for place, _ in members(root)) == 4


def test_the_fingerprint_of_a_folder_follows_every_file(as_folder: Callable[..., Path]) -> None:
    root = as_folder({"a/1": b"x", "b/1": b"y"})
    before = fingerprint(root)
    assert fingerprint(root) == before
    (root / "b" / "1").write_bytes(b"yy")
    changed = fingerprint(root)
    (root / "b" / "2").write_bytes(b"z")
    assert len({before, changed, fingerprint(root)}) == 3


def test_the_fingerprint_of_a_file_follows_its_time_and_size(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"1")
    os.utime(path, ns=(1, 1))
    before = fingerprint(path)
    os.utime(path, ns=(2, 2))
    assert fingerprint(path) != before


def test_checksum_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert checksum(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
