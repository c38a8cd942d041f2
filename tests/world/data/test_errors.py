"""Every way in which data can be wrong: one error, one sentence, the place and the way out."""

import gzip
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import DataError
from arena.world.data import Dataset, concat, load, resized
from arena.world.data.sources.folders import read_class_folders

Files = dict[str, bytes | None]
Maker = Callable[..., Path]
Picture = Callable[..., bytes]


def refuse(name: str, *expected: str) -> str:
    """Load and return the message, which must be one line and hold every expected piece."""
    with pytest.raises(DataError) as caught:
        load(name)
    message = str(caught.value)
    assert "\n" not in message
    assert not message.endswith(".")
    for piece in expected:
        assert piece in message
    return message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digit", "did you mean 'digits'?"),
        ("cifar-10", "did you mean 'cifar10'?"),
        ("", "known are archive:PATH, breast-cancer"),
        ("folder:", "did you mean 'folder:PATH'?"),
        ("tar:/x", "found 'tar:/x'"),
        ("imagenet/0-4", "found 'imagenet'; known are"),
        ("digit/0-4", "did you mean 'digits'?"),
        ("folder:/no/such/place", "expected a folder at /no/such/place, found nothing there"),
        ("archive:/no/such.zip", "expected an archive at /no/such.zip, found nothing there"),
    ],
)
def test_names_and_missing_files(name: str, expected: str) -> None:
    refuse(name, expected)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("cats", "such as 0-4 or 0,2,4, or parity, found 'cats'"),
        ("0-", "found '0-'"),
        ("0;2", "found '0;2'"),
        ("-1", "found '-1'"),
        ("\u0661,\u0662", "such as 0-4"),
        ("0-10", "from 0 to 9, the lower one first, found '0-10'"),
        ("4-0", "the lower one first, found '4-0'"),
        ("0,99999999999999999999", "found '99999999999999999999'"),
        ("3", "two or more different classes of 'digits', found '3'"),
        ("3-3", "two or more different classes"),
        ("0-4,2", "two or more different classes"),
    ],
)
def test_views(view: str, expected: str) -> None:
    refuse(f"digits/{view}", expected)


def test_a_view_of_a_folder_that_is_not_there() -> None:
    refuse("folder:/no/such/0-4", "expected a folder at /no/such, found nothing there")
    refuse("folder:/no/such/pets", "expected a folder at /no/such/pets, found nothing there")


def test_a_folder_is_no_archive_and_an_archive_no_folder(
    as_folder: Maker, as_archive: Maker, pets: Files
) -> None:
    folder, archive = as_folder(pets), as_archive(pets)
    refuse(f"archive:{folder}", "found a folder", f"write folder:{folder}")
    refuse(f"folder:{archive}", "found a file", f"write archive:{archive}")


@pytest.mark.parametrize("suffix", [".rar", ".gz", ".tar.xz", ""])
def test_other_kinds_of_archive(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pets{suffix}"
    path.write_bytes(b"x")
    refuse(f"archive:{path}", ".tar.gz, .tgz, .tar, .zip", f"found pets{suffix}")


def class_folders(picture: Picture) -> dict[str, tuple[Files, list[str]]]:
    a: Files = {"a/1.png": picture()}
    b: Files = {"b/1.png": picture()}
    wide, deep = picture(size=(5, 3)), picture(700, mode="I;16")
    return {
        "nothing": ({}, ["two or more classes", "found none"]),
        "no class folder": ({"1.png": picture()}, ["found none"]),
        "empty class": (
            a | b | {"c": None},
            ["every class", "found none in c", "remove the class"],
        ),
        "class with hidden files only": (a | b | {"c/.x": b""}, ["found none in c"]),
        "one class only": (a, ["found only 'a'", "a folder of its own"]),
        "no test images": (
            {"train/a/1.png": picture(), "train/b/1.png": picture(), "test": None},
            ["found none in test/a"],
        ),
        "mixed sizes": (
            a | {"b/1.png": wide},
            ["a/1.png of 4x3 and b/1.png of 5x3 pixels", "resize"],
        ),
        "text among images": (a | b | {"b/notes.txt": b"hi"}, ["b/notes.txt", "convert or remove"]),
        "empty file": (a | b | {"b/2.png": b""}, ["b/2.png"]),
        "image cut short": (a | {"b/1.png": picture(size=(64, 64))[:60]}, ["b/1.png"]),
        "16-bit image": (a | {"b/1.png": deep}, ["b/1.png", "8 bits", "I;16"]),
        "folder in a class": (a | {"b/more/1.png": picture()}, ["the folder b/more"]),
        "third part": (
            {
                f"{part}/{label}/1.png": picture()
                for part in ("train", "test", "val")
                for label in "ab"
            },
            ["found test, train, val", "remove the others"],
        ),
    }


CASES = (
    "nothing",
    "no class folder",
    "empty class",
    "class with hidden files only",
    "one class only",
    "no test images",
    "mixed sizes",
    "text among images",
    "empty file",
    "image cut short",
    "16-bit image",
    "folder in a class",
    "third part",
)


@pytest.mark.parametrize("case", CASES)
def test_class_folders(case: str, as_folder: Maker, picture: Picture) -> None:
    files, expected = class_folders(picture)[case]
    refuse(f"folder:{as_folder(files)}", *expected)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize("case", sorted(set(CASES) - {"class with hidden files only"}))
def test_class_folders_in_archives(
    case: str, suffix: str, as_archive: Maker, picture: Picture
) -> None:
    files, expected = class_folders(picture)[case]
    refuse(f"archive:{as_archive(files, suffix)}", *expected)


def test_every_class_needs_enough_images_for_a_test_part(
    as_folder: Maker, picture: Picture
) -> None:
    files = {"a/1.png": picture(), "a/2.png": picture(), "b/1.png": picture()}
    refuse(f"folder:{as_folder(files)}", "class 'b'", "at least 2 images, found 1")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.9])
def test_a_truncated_archive(as_archive: Maker, pets: Files, suffix: str, keep: float) -> None:
    path = as_archive(pets, suffix)
    blob = path.read_bytes()
    blob = blob.rstrip(b"\0") if suffix == ".tar" else blob  # the end of a tar is all padding
    path.write_bytes(blob[: int(len(blob) * keep)])
    refuse(f"archive:{path}", f"found pets{suffix} damaged or cut short", "again")


def test_a_tar_that_ends_between_two_files(as_archive: Maker, pets: Files) -> None:
    path = as_archive(pets, ".tar")
    path.write_bytes(path.read_bytes()[: 2 * 512 * 4])  # four files of one block and its header
    refuse(f"archive:{path}", "damaged or cut short")


def test_a_tar_with_a_damaged_header(as_archive: Maker, pets: Files) -> None:
    path = as_archive(pets, ".tar")
    blob = bytearray(path.read_bytes())
    blob[4 * 512 + 3] ^= 0xFF
    path.write_bytes(blob)
    refuse(f"archive:{path}", "damaged or cut short")


def test_a_gzip_with_a_wrong_checksum(as_archive: Maker, pets: Files) -> None:
    path = as_archive(pets)
    blob = path.read_bytes()
    path.write_bytes(blob[:-8] + bytes(4) + blob[-4:])
    refuse(f"archive:{path}", "damaged or cut short", "CRC")


def test_a_zip_with_a_changed_file(as_archive: Maker, pets: Files) -> None:
    path = as_archive(pets, ".zip")
    blob = pets["train/cat/a.png"]
    assert blob is not None
    path.write_bytes(path.read_bytes().replace(blob, bytes(len(blob)), 1))
    refuse(f"archive:{path}", "damaged or cut short", "CRC")


def test_an_encrypted_zip(as_archive: Maker, pets: Files) -> None:
    path = as_archive(pets, ".zip")
    blob = bytearray(path.read_bytes())
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(header), bytes(blob)):
            blob[found.start() + offset] |= 1
    path.write_bytes(blob)
    refuse(f"archive:{path}", "a password")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_damage_anywhere_is_harmless_or_said(
    as_archive: Maker, pets: Files, suffix: str, data: st.DataObject
) -> None:
    path = as_archive(pets, suffix)
    blob = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(blob)
    message = ""
    try:
        read_class_folders(path, "pets")
    except DataError as error:
        message = str(error)
    assert "\n" not in message


def test_a_zip_with_a_name_that_is_no_text(as_archive: Maker, picture: Picture) -> None:
    path = as_archive({"a/\u00e9.png": picture(), "b/1.png": picture()}, ".zip")
    path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xc3("))
    refuse(f"archive:{path}", "damaged or cut short", "utf-8")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize(
    "name",
    ["../a/1.png", "/a/1.png", "a/../../1.png", "..\\a\\1.png", "C:\\a\\1.png", "C:/a/1.png"],
)
def test_a_path_that_points_outside(as_archive: Maker, pets: Files, name: str, suffix: str) -> None:
    path = as_archive({name: b"x"} | pets, suffix)
    message = refuse(f"archive:{path}", "which points outside it", "build the archive again")
    assert repr(name) in message or suffix == ".zip"
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_a_link_or_a_device_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "pets.tar.gz"
    header = tarfile.TarInfo("a/1.png")
    header.type, header.linkname = kind, "/etc/hostname"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(header)
    refuse(f"archive:{path}", "'a/1.png'", "is a link or a device")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    header = zipfile.ZipInfo("a/1.png")
    header.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(header, "/etc/hostname")
    refuse(f"archive:{path}", "'a/1.png'", "is a link or a device")


def test_a_gzip_that_holds_no_tar(tmp_path: Path) -> None:
    path = tmp_path / "pets.tar.gz"
    path.write_bytes(gzip.compress(b"hello" * 1000))
    refuse(f"archive:{path}", "damaged or cut short")


def test_a_link_to_nothing_in_a_folder(as_folder: Maker, pets: Files) -> None:
    root = as_folder(pets)
    (root / "train/cat/z.png").symlink_to(root / "gone.png")
    refuse(f"folder:{root}", "z.png", "No such file")


def test_arena_data_that_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_DATA", "/no/such/place")
    refuse("mnist", "expected a folder in ARENA_DATA, found '/no/such/place'", "unset it")


def test_class_folders_of_another_kind_under_a_known_name(
    as_folder: Maker, pets: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = as_folder(pets)
    monkeypatch.setenv("ARENA_DATA", str(root.parent))
    root.rename(root.parent / "svhn")
    refuse("svhn", "expected 10 classes of (3, 32, 32) for svhn", "3 of 1x3x4, 2 classes")


IMAGES, LABELS = torch.zeros(3, 2, dtype=torch.uint8), torch.tensor([0, 1, 0])


@pytest.mark.parametrize(
    ("images", "labels", "classes", "expected"),
    [
        (IMAGES.float(), LABELS, ("a", "b"), "expected uint8 images"),
        (IMAGES[0], LABELS, ("a", "b"), "expected uint8 images"),
        (IMAGES[:, None], LABELS, ("a", "b"), "expected uint8 images"),
        (IMAGES, LABELS.int(), ("a", "b"), "expected int64 labels"),
        (IMAGES, LABELS[:, None], ("a", "b"), "expected int64 labels"),
        (IMAGES, LABELS, ("a",), "expected labels 0 to 0, found 0 to 1"),
        (IMAGES, LABELS - 1, ("a", "b"), "expected labels 0 to 1, found -1 to 0"),
        (IMAGES, LABELS[:2], ("a", "b"), "as many labels as images, found 2 and 3"),
        (IMAGES, LABELS, ("a", "a"), "found a name twice"),
        (IMAGES.to("meta"), LABELS, ("a", "b"), "images on meta, labels on cpu"),
    ],
)
def test_tensors_of_another_form(
    images: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(DataError, match=f"'x' is not a data set: .*{re.escape(expected)}"):
        Dataset("x", images, labels, classes)


def test_all_faults_of_a_data_set_are_named_at_once() -> None:
    with pytest.raises(DataError, match=r"uint8 images.*int64 labels.*as many labels"):
        Dataset("x", IMAGES.float(), LABELS[:2].int(), ("a", "b"))


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        (torch.tensor([0, 3]), "expected indices below 3, found 0 to 3"),
        (torch.tensor([-1]), "expected indices below 3, found -1 to -1"),
        (torch.tensor([True, False]), "expected a mask of 3 values, found 2"),
        (torch.tensor([0.0]), "expected int64 indices (M,) or a bool mask"),
        (torch.tensor([[0]]), "expected int64 indices (M,) or a bool mask"),
    ],
)
def test_indices_of_another_form(indices: torch.Tensor, expected: str) -> None:
    with pytest.raises(DataError, match=re.escape(expected)):
        Dataset("x", IMAGES, LABELS, ("a", "b")).select(indices)


def test_parts_of_different_data_sets_do_not_join() -> None:
    one, two = (Dataset("x", IMAGES, LABELS, ("a", label)) for label in "bc")
    for parts in ([one, two], []):
        with pytest.raises(DataError, match="expected parts of one data set"):
            concat(parts)


@pytest.mark.parametrize(
    ("found", "shape", "expected"),
    [
        ((4,), (1, 8, 8), "found examples (4,) of 'x' for an input of (1, 8, 8); tables fit only"),
        ((1, 8, 8), (64,), "found examples (1, 8, 8) of 'x' for an input of (64,)"),
        ((4,), (5,), "tables fit only their own models"),
        ((1, 8, 8), (1, 0, 8), "for an input of (1, 0, 8)"),
        ((2, 8, 8), (1, 8, 8), "expected 1 or 3 channels to convert, found 2 in 'x' for 1"),
        ((3, 8, 8), (4, 8, 8), "found 3 in 'x' for 4"),
    ],
)
def test_shapes_that_nothing_can_be_resized_to(
    found: tuple[int, ...], shape: tuple[int, ...], expected: str
) -> None:
    data = Dataset("x", torch.zeros(3, *found, dtype=torch.uint8), LABELS, ("a", "b"))
    with pytest.raises(DataError, match=re.escape(expected)):
        resized(data, shape)
