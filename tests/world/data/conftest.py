"""Makers of small pictures, folders and archives; no test here reads the user's own data."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from arena.world.data import catalogue

Files = Mapping[str, bytes | None]  # path -> bytes, None for a folder


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.delenv("ARENA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    catalogue._content.cache_clear()
    yield
    catalogue._content.cache_clear()


def _picture(
    value: int | tuple[int, ...] = 7,
    mode: str = "L",
    size: tuple[int, int] = (4, 3),
    kind: str = "PNG",
) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, value).save(file, kind)
    return file.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """One image file of a single value, 4 wide and 3 high."""
    return _picture


@pytest.fixture
def pets() -> dict[str, bytes | None]:
    """Two classes in a train and a test part; each image has a value of its own."""
    names = ["train/cat/a", "train/cat/b", "train/dog/a", "test/cat/a", "test/dog/a", "test/dog/b"]
    return {f"{name}.png": _picture(10 * index) for index, name in enumerate(names)}


@pytest.fixture
def as_folder(tmp_path: Path) -> Callable[[Files], Path]:
    def write(files: Files) -> Path:
        root = tmp_path / "pets"
        root.mkdir()
        for name, blob in files.items():
            place = root / name
            if blob is None:
                place.mkdir(parents=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(blob)
        return root

    return write


@pytest.fixture
def as_archive(tmp_path: Path) -> Callable[[Files, str], Path]:
    def write(files: Files, suffix: str = ".tar.gz") -> Path:
        path = tmp_path / f"pets{suffix}"
        if suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, blob in files.items():
                    archive.writestr(name if blob is not None else f"{name}/", blob or b"")
            return path
        with tarfile.open(path, "w" if suffix == ".tar" else "w:gz") as archive:
            for name, blob in files.items():
                header = tarfile.TarInfo(name)
                header.size = len(blob or b"")
                header.type = tarfile.DIRTYPE if blob is None else tarfile.REGTYPE
                archive.addfile(header, io.BytesIO(blob or b""))
        return path

    return write
