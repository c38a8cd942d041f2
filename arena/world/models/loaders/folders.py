"""What folders of models share: where their weights lie, and how they normalise images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from arena.errors import ModelError
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Json, Raw
from arena.world.models.formats import read_config
from arena.world.models.state_dicts import read_tensors

_INDEX = "model.safetensors.index.json"
_WHOLE = ("model.safetensors", "pytorch_model.bin")  # of the second, tensors alone are read


def folder_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of the weights in a model's folder, whole or in shards.

    Raises:
        ModelError: there are none, a shard lies elsewhere, or a file holds more than tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in _weights(folder):
        tensors |= read_tensors(path)
    return tensors


def write_folder(source: Path, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Write weights as a folder like the one that a model came in: its settings, in one file.

    Args:
        source: the folder that it came in; its JSON files go along, but for the index of shards.
        tensors: the weights, by their names there.
        folder: where to.

    Raises:
        OSError: it cannot be written.
    """
    for path in sorted(source.glob("*.json")):
        if path.name != _INDEX:
            write_whole(folder / path.name, path.read_bytes())
    write_whole(folder / _WHOLE[0], save(dict(tensors), metadata={"format": "pt"}))


def _weights(folder: Path) -> Iterator[Path]:
    index = read_config(folder, _INDEX).get("weight_map")
    if isinstance(index, dict):
        for name in sorted({str(shard) for shard in index.values()}):
            if Path(name).name != name:
                raise ModelError(f"expected shards in {folder} itself, found {name!r} in {_INDEX}")
            yield folder / name
        return
    found = [folder / name for name in _WHOLE if (folder / name).is_file()]
    if not found:
        raise ModelError(f"expected weights in {folder}, found none; save {_WHOLE[0]} there")
    yield found[0]


def normalisation(settings: dict[str, Raw], mean: str, std: str) -> dict[str, Json]:
    """Return the card's mean and std in a file's settings; none where they are not there."""
    found: dict[str, Json] = {"mean": settings.get(mean), "std": settings.get(std)}
    return found if all(isinstance(value, list) for value in found.values()) else {}
