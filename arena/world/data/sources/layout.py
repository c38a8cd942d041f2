"""Where the classes lie among the paths of a folder or an archive."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

from arena.errors import DataError

Part = dict[str, list[PurePosixPath]]
"""The files of each class, both sorted by name."""

_PARTS = ("test", "train")
_EXPECTED = "<class>/<file>, or train/<class>/<file> and test/<class>/<file>"


def arrange(
    files: Collection[PurePosixPath], folders: Collection[PurePosixPath], origin: str
) -> dict[str, Part]:
    """Sort paths into parts and classes.

    A lone folder around everything is passed over, and files beside the class folders are left out.

    Args:
        files: paths of all files, in any order.
        folders: paths of the folders that are known to exist, empty ones too.
        origin: how messages call the folder or the archive.

    Returns:
        The parts `train` and `test`, or the one part `whole` where there are no such folders.

    Raises:
        DataError: the layout is another one, a class is empty, or there is only one class.
    """
    folders = _all_folders(files, folders)
    depth = _n_around(folders)
    tops = sorted({folder.parts[depth] for folder in folders if len(folder.parts) > depth})
    if not set(tops) >= set(_PARTS):
        parts = {"whole": _part(files, folders, depth, origin)}
    elif tops == list(_PARTS):
        parts = {
            top: _part(_under(files, depth, top), _under(folders, depth, top), depth + 1, origin)
            for top in reversed(_PARTS)
        }
    else:
        raise DataError(
            f"expected only the folders train and test at the top of {origin}, "
            f"found {', '.join(tops)}; remove the others"
        )
    _check_classes(parts, origin)
    return parts


def _all_folders(
    files: Collection[PurePosixPath], folders: Collection[PurePosixPath]
) -> set[PurePosixPath]:
    known = {file.parent for file in files}.union(folders)
    return known.union(*(folder.parents for folder in known)) - {PurePosixPath()}


def _n_around(folders: Collection[PurePosixPath]) -> int:
    """Return how many folders lie around all class folders, one in the other."""
    depth = 0
    while any(len(folder.parts) > depth + 1 for folder in folders):
        if len({folder.parts[depth] for folder in folders if len(folder.parts) > depth}) > 1:
            break
        depth += 1
    return depth


def _under(paths: Collection[PurePosixPath], depth: int, top: str) -> list[PurePosixPath]:
    return [path for path in paths if path.parts[depth : depth + 1] == (top,)]


def _part(
    files: Collection[PurePosixPath],
    folders: Collection[PurePosixPath],
    depth: int,
    origin: str,
) -> Part:
    too_deep = sorted(folder for folder in folders if len(folder.parts) > depth + 1)
    if too_deep:
        raise DataError(
            f"expected {_EXPECTED} in {origin}, found the folder {too_deep[0]}; "
            "move its files into the folder of their class"
        )
    part: Part = {folder.name: [] for folder in sorted(folders) if len(folder.parts) == depth + 1}
    for file in sorted(files):
        if len(file.parts) == depth + 2:
            part[file.parts[depth]].append(file)
    return part


def _check_classes(parts: dict[str, Part], origin: str) -> None:
    classes = sorted(set().union(*parts.values()))
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise DataError(
            f"expected {_EXPECTED} with two or more classes in {origin}, found {found}; "
            "give each class a folder of its own"
        )
    for part, of_class in parts.items():
        empty = [label for label in classes if not of_class.get(label)]
        if empty:
            place = empty[0] if part == "whole" else f"{part}/{empty[0]}"
            raise DataError(
                f"expected images in every class of {origin}, found none in {place}; "
                "add some or remove the class"
            )
