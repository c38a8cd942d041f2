"""Models on disk and in bundles: safetensors and a card; nothing in a file is ever run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from arena.errors import ModelError, StoreError
from arena.world.bundle import Bundle
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Raw, from_json
from arena.world.models.card import ModelCard
from arena.world.models.formats import CHECKPOINT, foreign_format, read_header
from arena.world.models.model import Model, restore
from arena.world.models.state_dicts import bodily, read_tensors

_SUFFIX = ".safetensors"


def pack(model: Model) -> Bundle:
    """Return the model as plain data and tensors that share no memory with it."""
    tensors = {name: t.detach().to("cpu", copy=True) for name, t in model.state_dict().items()}
    return Bundle(data={"card": model.card.plain()}, tensors=tensors)


def unpack(bundle: Bundle) -> Model:
    """Return the model in a bundle, rebuilt from the registry.

    Raises:
        ModelError: the bundle has no valid card, or its tensors are not those of the card.
    """
    if not isinstance(bundle.data, Mapping) or "card" not in bundle.data:
        raise ModelError("the bundle holds no model card; pack models with pack(model)")
    return restore(ModelCard.read(bundle.data["card"]), bundle.tensors)


def save_model(model: Model, path: Path) -> None:
    """Write `<stem>.safetensors`, which also holds the card, and a readable `<stem>.card.json`.

    Each file is complete or absent at any time. The old card goes first and the new one comes
    last, so that a card never lies beside weights that it does not describe.

    Raises:
        ModelError: the path does not end in .safetensors, or cannot be written.
    """
    if path.suffix != _SUFFIX:
        raise ModelError(f"models are saved as {_SUFFIX} files, found the path {path}")
    blob = pack(model).to_bytes()
    card = {"card": model.card.plain(), "n_parameters": model.n_parameters, "sha256": _sha(blob)}
    card_path = _card_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        card_path.unlink(missing_ok=True)
        write_whole(path, blob)
        write_whole(card_path, json.dumps(card, indent=2, sort_keys=True).encode() + b"\n")
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written ({error.strerror}); check the folder"
        ) from error


def load_model(path: Path) -> Model:
    """Return the model of a file that `save_model` wrote.

    Raises:
        ModelError: the file is of another format, damaged, not the one that its `.card.json`
            describes, or not a model that the registry can rebuild.
    """
    found = foreign_format(path)
    if found:
        raise ModelError(_refusal(path, found))
    metadata = read_header(path)
    if "data" not in metadata:
        raise ModelError(
            f"{path} holds tensors but no card; name the architecture in a card and "
            "use load_state_dict_file(path, card)"
        )
    blob = path.read_bytes()
    try:
        bundle = Bundle.from_bytes(blob)
    except StoreError as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    _check_card_file(path, blob, bundle)
    return unpack(bundle)


def load_state_dict_file(path: Path, card: ModelCard) -> Model:
    """Return the model that a plain state dict (.pt, .pth or .safetensors) and a card describe.

    The names are those of the architecture, with or without the prefix `body.`, and those that
    wrappers of torch put before them; see `read_tensors`.

    Raises:
        ModelError: the file holds anything but tensors, or not the tensors that the card needs.
    """
    found = foreign_format(path)
    if found and found != CHECKPOINT:
        raise ModelError(_refusal(path, found))
    return restore(card, bodily(read_tensors(path)))


def _refusal(path: Path, found: str) -> str:
    first = "" if found == CHECKPOINT else "torch.save(model.state_dict(), ...), then "
    return (
        f"{path} is {found}, whose loader can run code from the file, and is refused; "
        f"{first}load_state_dict_file(path, card) imports a plain state dict"
    )


def _check_card_file(path: Path, blob: bytes, bundle: Bundle) -> None:
    """Compare the weights with the `.card.json` beside them, if there is one."""
    card_path = _card_path(path)
    if not card_path.exists():
        return
    try:
        beside: Raw = from_json(card_path.read_bytes())
        expected = {"card": beside["card"], "sha256": beside["sha256"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{card_path} is not a model's card; delete it or save again") from error
    if expected != {"card": bundle.data.get("card"), "sha256": _sha(blob)}:
        raise ModelError(
            f"{path} is not the file that {card_path.name} describes; save the model again, or "
            "delete the card file if you trust the weights"
        )


def _card_path(path: Path) -> Path:
    return path.with_suffix(".card.json")


def _sha(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()
