"""The files of a folder or of an archive, one after the other; archives are never unpacked."""

from __future__ import annotations

import gzip
import hashlib
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from arena.errors import DataError
from arena.world.json_values import digest

Member = tuple[PurePosixPath, bytes | None]
"""A path inside, and the file's bytes; None for a folder."""

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
"""The kinds of archive that are read."""

_HERE = PurePosixPath()
_LEFT_BEHIND = {  # by Windows, by a Mac in its zip files, by Synology's servers
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
    "__macosx", "icon\r", "@eadir", "lost+found",
}  # fmt: skip
_DEEPEST = 4  # top/train/class/file: nothing below is ever of use, and links may run in circles
_ENCRYPTED = 0x41  # flags of a zip: with a password, by the old or the strong method
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,  # names that are no text
)


def members(path: Path) -> Iterator[Member]:
    """Yield every folder and every file that is not hidden.

    Raises:
        DataError: the archive is damaged, or holds a link or a path that points outside it; a file
            cannot be read.
    """
    if path.is_dir():
        yield from _folder(path)
        return
    reader = _zip if path.suffix == ".zip" else _tar
    try:
        yield from reader(path)
    except _DAMAGE as error:
        raise DataError(
            f"expected a whole archive, found {path.name} damaged or cut short ({error}); "
            "copy or download it again"
        ) from error


def fingerprint(path: Path) -> str:
    """Return a SHA-256 that changes when a file's place, size or time of change does.

    Raises:
        DataError: a file is not there.
    """
    files = [path, *(path / inside for inside in _walk(path))] if path.is_dir() else [path]
    try:
        stats = [(str(file.absolute()), file.stat()) for file in files]
    except OSError as error:
        raise _unreadable(error) from error
    return digest([[name, found.st_size, found.st_mtime_ns] for name, found in stats])


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(error: OSError) -> DataError:
    return DataError(
        f"expected to read {error.filename}, found {error.strerror}; restore or remove it"
    )


def _folder(root: Path) -> Iterator[Member]:
    for inside in _walk(root):
        place = root / inside
        try:
            blob = None if place.is_dir() else place.read_bytes()
        except OSError as error:
            raise _unreadable(error) from error
        yield inside, blob


def _walk(root: Path, inside: PurePosixPath = _HERE) -> Iterator[PurePosixPath]:
    for entry in sorted((root / inside).iterdir()):
        place = inside / entry.name
        if _is_hidden(entry.name):
            continue
        yield place
        if entry.is_dir() and len(place.parts) < _DEEPEST:
            yield from _walk(root, place)


class _StrictHeader(tarfile.TarInfo):
    """A tar header; the standard reader takes a damaged one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the stubs lack it
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _tar(path: Path) -> Iterator[Member]:
    with path.open("rb") if path.suffix == ".tar" else gzip.open(path) as stream:
        # `r|` reads forwards only: to go back in a gzip stream is to begin it again
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictHeader) as archive:
            for header in archive:
                is_plain = header.isreg() or header.isdir()
                place = _inside(header.name, path, is_link=not is_plain)
                if _is_visible(place):
                    file = archive.extractfile(header)
                    yield place, None if file is None else file.read()
        while stream.read(1 << 20):  # to the end, where gzip compares its checksum
            continue


def _zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for header in archive.infolist():
            is_link = stat.S_ISLNK(header.external_attr >> 16)
            place = _inside(header.filename, path, is_link=is_link)
            if _is_visible(place):
                _check_packing(header, path)
                yield place, None if header.is_dir() else archive.read(header)


def _check_packing(header: zipfile.ZipInfo, path: Path) -> None:
    """Refuse what is whole and cannot be unpacked here.

    Raises:
        DataError: it has a password, or is packed by a method that Python does not know.
    """
    if header.flag_bits & _ENCRYPTED:
        fault = "a password"
    elif header.compress_type not in _METHODS:
        fault = f"files packed by method {header.compress_type}, such as Windows' Deflate64"
    else:
        return
    raise DataError(
        f"expected an archive that can be unpacked, found {fault} in {path.name}; "
        "pack it anew without a password, as .zip with deflate or as .tar.gz"
    )


def _inside(name: str, archive: Path, *, is_link: bool) -> PurePosixPath:
    place = PurePosixPath(name.replace("\\", "/"))
    is_drive = bool(place.parts) and place.parts[0].endswith(":")
    if is_link or is_drive or place.is_absolute() or ".." in place.parts:
        fault = "is a link or a device" if is_link else "points outside it"
        raise DataError(
            f"expected only files and folders inside {archive.name}, found {name!r}, "
            f"which {fault}; build the archive again without it"
        )
    return place


def _is_visible(place: PurePosixPath) -> bool:
    return bool(place.parts) and not any(_is_hidden(part) for part in place.parts)


def _is_hidden(name: str) -> bool:
    """Say whether a file or folder is hidden, or was put there by a system and by no person."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND
