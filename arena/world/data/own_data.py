"""A person's own data by name: `folder:PATH`, `archive:PATH` or `text:PATH`, and their form."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from arena.errors import DataError
from arena.world.data.relabel import is_view
from arena.world.data.sources.archives import SUFFIXES
from arena.world.data.sources.folders import ImageForm
from arena.world.json_values import Raw

AN = {"folder": "a folder", "archive": "an archive", "text": "a text file"}
_LARGEST = 4096  # pixels
_NAMES = ("data", "pool", "transfer")  # keys of a scenario that name data


def apart(name: str) -> tuple[str, str]:
    """Return what comes before the view, and the view; a path that exists is a path and no view."""
    base, _, part = name.rpartition("/")
    path = name.partition(":")[2]
    if not base or (path and (Path(path).expanduser().exists() or not is_view(part))):
        return name, ""
    return base, part


class OwnData(NamedTuple):
    """A person's own data: "folder", "archive" or "text"; where they lie; the form of images."""

    kind: str
    path: Path
    form: ImageForm


def own_data(name: str) -> OwnData | None:
    """Return what a name says of a person's own data; None where it names a known data set.

    Raises:
        DataError: it says something of their form that cannot be meant.
    """
    kind, _, rest = name.partition(":")
    if kind not in AN or not rest:
        return None
    place, _, words = rest.partition("?")
    settings = dict.fromkeys(("resize", "channels"), 0)
    for part in filter(None, words.split("&")):
        key, _, value = part.partition("=")
        if key not in settings or not value.isdecimal() or not 0 < int(value) <= _LARGEST:
            raise DataError(
                f"expected ?resize=N or &channels=1 or 3 behind the path of {name!r}, found "
                f"{part!r}; N is a number of pixels up to {_LARGEST}"
            )
        settings[key] = int(value)
    if settings["channels"] not in (0, 1, 3):
        raise DataError(f"expected 1 or 3 channels, found {settings['channels']} in {name!r}")
    form = ImageForm(settings["resize"] or None, settings["channels"] or None)
    return OwnData(kind, Path(place).expanduser(), form)


def with_form(name: str, resize: int | None) -> str:
    """Return the name of the same data with another size of images, for `--resize N`.

    >>> with_form("folder:pets/0-4", 64), with_form("folder:pets?channels=3", 64)
    ('folder:pets?resize=64/0-4', 'folder:pets?channels=3&resize=64')

    Raises:
        DataError: the data are no person's own images: they have the size that they have.
    """
    if resize is None:
        return name
    base, part = apart(name)
    own = own_data(base)
    if own is None or own.kind == "text":
        raise DataError(
            f"expected images of your own to resize, found {name!r}; try folder:PATH or "
            "archive:PATH"
        )
    mark = "&" if "?" in base else "?"
    return f"{base}{mark}resize={resize}" + (f"/{part}" if part else "")


def placed(name: str, folder: Path) -> str:
    """Return the name of data whose relative path begins in a folder: that of a scenario.

    >>> placed("folder:pets?resize=64", Path("games")), placed("digits", Path("games"))
    ('folder:games/pets?resize=64', 'digits')
    """
    kind, _, rest = name.partition(":")
    if kind not in AN or not rest or folder == Path() or Path(rest).expanduser().is_absolute():
        return name
    return f"{kind}:{folder / rest}"


def placed_in(tables: Raw, folder: Path) -> Raw:
    """Return a scenario's tables with all paths of data as seen from here; see `placed`."""
    if isinstance(tables, list):
        return [placed_in(entry, folder) for entry in tables]
    if not isinstance(tables, dict):
        return tables
    return {
        key: placed(value, folder)
        if key in _NAMES and isinstance(value, str)
        else placed_in(value, folder)
        for key, value in tables.items()
    }


def existing(path: Path, kind: str) -> Path:
    """Return the path of a folder or a file that is there.

    Raises:
        DataError: there is nothing, or something else.
    """
    if not path.exists():
        raise DataError(f"expected {AN[kind]} at {path}, found nothing there; check the path")
    if path.is_dir() != (kind == "folder"):
        found, other = ("a folder", "folder") if path.is_dir() else ("a file", "archive")
        raise DataError(f"expected {AN[kind]} at {path}, found {found}; write {other}:{path}")
    if kind == "archive" and not path.name.endswith(SUFFIXES):
        raise DataError(
            f"expected an archive ({', '.join(SUFFIXES)}), found {path.name}; pack it so"
        )
    return path
