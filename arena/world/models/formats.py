"""What a model file is, found from its first bytes, before anything in it is believed."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from arena.errors import ModelError
from arena.world.json_values import Json, Raw, from_json
from arena.world.models.tensors import MAX_BYTES

_LENGTH = 8  # bytes that hold the length of a safetensors header
_MAX_HEADER = 16 * 2**20
_MAX_CONFIG = 2**20
_N_BYTES: Mapping[str, int] = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4,
    "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
BAD_ZIP = (  # what reading the directory of a stranger's zip can raise
    zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OverflowError, struct.error,
)  # fmt: skip

TORCHSCRIPT = "a TorchScript archive"
PT2 = "an exported program (.pt2)"
CHECKPOINT = "a torch.save checkpoint"
PICKLE = "a pickle"
JOBLIB = "a joblib file"
SAFETENSORS = "a safetensors file"
ONNX = "an ONNX model"
SKOPS = "a skops file"
HUGGING_FACE = "a Hugging Face folder"
TIMM = "a timm folder"
GGUF = "a GGUF file"
UNKNOWN = "a file of no known format"

_POINTER = b"version https://git-lfs"
_SQUEEZED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"ZF")
_ONNX_FIELDS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)  # what follows ir_version


def recognise(path: Path) -> str:
    """Return the name of the format that a file or a folder is of, `UNKNOWN` if it is of none.

    Raises:
        ModelError: there is nothing, or it is a damaged zip archive, or a pointer to a large file.
    """
    if path.is_dir():
        return _folder(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
        n_file = path.stat().st_size
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if start == _POINTER:
        raise ModelError(f"{path} is a pointer of Git LFS, not the model; fetch it: git lfs pull")
    if start[:2] == b"PK":
        return _archive(path)
    if path.suffix == ".joblib" or start.startswith(_SQUEEZED):
        return JOBLIB
    if _begins_a_pickle(start):
        return PICKLE
    if start.startswith(b"GGUF"):
        return GGUF
    return _plain(path, start, n_file)


def foreign_format(path: Path) -> str | None:
    """Return the name of a format that can carry code, or None if the file is of none of them.

    Raises:
        ModelError: there is no such file, or it is a damaged zip archive.
    """
    if path.is_dir():
        raise ModelError(f"{path} cannot be read (it is a folder); check the path")
    found = recognise(path)
    return found if found in (TORCHSCRIPT, PT2, CHECKPOINT, PICKLE, JOBLIB) else None


def read_config(folder: Path, name: str = "config.json") -> dict[str, Raw]:
    """Return the settings in a file of a model's folder; none if there is no such file.

    Raises:
        ModelError: it cannot be read, or is no table.
    """
    path = folder / name
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise ModelError(f"expected at most {_MAX_CONFIG:,} bytes in {path}, found more")
        settings = from_json(path.read_bytes(), finite=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"expected settings in JSON, found none in {path} ({error})") from error
    if not isinstance(settings, dict):
        raise ModelError(f"expected a table of settings in {path}, found another value")
    return settings


def _folder(path: Path) -> str:
    settings = read_config(path)
    if "model_type" in settings:
        return HUGGING_FACE
    if "architecture" in settings:
        return TIMM
    raise ModelError(
        f"expected a folder with a config.json that names a model_type (Hugging Face) or an "
        f"architecture (timm), found none in {path}; name the model's file instead"
    )


def _archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except BAD_ZIP as error:
        raise ModelError(f"{path} is a damaged zip archive ({error}); copy it again") from error
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ModelError(f"{path} unpacks to more than {MAX_BYTES / 2**30:g} GiB; it is refused")
    names = [entry.filename for entry in entries]
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        return TORCHSCRIPT
    exported = ("archive_format", "serialized_exported_program.json", "models/model.json")
    if any(name.endswith(exported) for name in names):
        return PT2
    return SKOPS if "schema.json" in names else CHECKPOINT


def _plain(path: Path, start: bytes, n_file: int) -> str:
    """Tell a safetensors file, an ONNX model and all else apart.

    A safetensors file begins with the length of its header, below 16 MiB: five bytes of it are 0.
    """
    looks_so = n_file >= _LENGTH and start[4:_LENGTH] == bytes(4) and start[8:9] in (b"{", b"")
    if looks_so or path.suffix == ".safetensors":
        return SAFETENSORS
    begins_onnx = len(start) > 2 and start[0] == 0x08 and start[2] in _ONNX_FIELDS
    return ONNX if path.suffix == ".onnx" or begins_onnx else UNKNOWN


def _begins_a_pickle(start: bytes) -> bool:
    """Tell a pickle from a safetensors file whose header's length happens to begin with 0x80.

    Such a length is below 16 MiB, so its upper bytes are 0, which no pickle can have there.
    """
    return start[:1] == b"\x80" and start[3:_LENGTH] != bytes(_LENGTH - 3)


def read_header(path: Path) -> dict[str, Json]:
    """Return the metadata of a safetensors file whose header is sound; reads the header only.

    Raises:
        ModelError: the file is no safetensors file, is truncated, names tensors over 4 GiB, or
            its offsets do not fit its shapes and its length.
    """
    n_file = path.stat().st_size
    with path.open("rb") as file:
        header, start = _parse(path, file, n_file)
    metadata = header.pop("__metadata__", {})
    spans = sorted(_span(path, name, entry) for name, entry in header.items())
    if any(left[1] != right[0] for left, right in pairwise([(0, 0), *spans])):
        raise ModelError(f"{path} is damaged: its tensors overlap or leave gaps; copy it again")
    n_bytes = spans[-1][1] if spans else 0
    if n_bytes > MAX_BYTES:
        raise ModelError(
            f"{path} claims {n_bytes / 2**30:.1f} GiB of tensors; "
            f"a model holds at most {MAX_BYTES / 2**30:g} GiB"
        )
    if start + n_bytes != n_file:
        raise ModelError(
            f"{path} should hold {start + n_bytes:,} bytes, found {n_file:,}; it is truncated or "
            "damaged, copy it again"
        )
    return metadata if isinstance(metadata, dict) else {}


def _parse(path: Path, file: BinaryIO, n_file: int) -> tuple[dict[str, Json], int]:
    """Return the header and the position at which the tensors start."""
    n_header = int.from_bytes(file.read(_LENGTH), "little")
    if n_file < _LENGTH or n_header > min(_MAX_HEADER, n_file - _LENGTH):
        raise ModelError(
            f"{path} is no safetensors file, or a truncated one (it has {n_file:,} bytes); copy it "
            "again, or save the model with safetensors.torch.save_file(model.state_dict(), ...)"
        )
    try:
        header = from_json(file.read(n_header))
    except ValueError as error:
        raise ModelError(f"{path} is no safetensors file (its header is not JSON)") from error
    if not isinstance(header, dict):
        raise ModelError(f"{path} is no safetensors file (its header is not a table)")
    return header, _LENGTH + n_header


def _span(path: Path, name: str, entry: Raw) -> tuple[int, int]:
    """Return the first and last offset of a tensor, after comparing them with its shape."""
    try:
        width = _N_BYTES[entry["dtype"]]
        (begin, end), shape = entry["data_offsets"], list(entry["shape"])
        sizes = [begin, end, *shape]
        sound = all(type(size) is int and size >= 0 for size in sizes)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: the header entry of {name!r} is unusable") from error
    if not sound or end - begin != math.prod(shape) * width:
        raise ModelError(
            f"{path} is damaged: {name!r} of shape {tuple(shape)} cannot lie in "
            f"bytes {begin} to {end}; copy it again"
        )
    return begin, end
