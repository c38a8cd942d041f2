"""What `arena protect` writes: the model in the format it came in, the key, and what to publish."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save

from arena.errors import KeyFileError, StoreError
from arena.game.sides.defense import defenses
from arena.runs.keys.folder import About, OwnedKey, write_key
from arena.runs.protect.order import Protection, Report
from arena.world.files.atomic_write import write_whole
from arena.world.models import Model, save_model
from arena.world.models.formats import (
    CHECKPOINT,
    HUGGING_FACE,
    ONNX,
    SAFETENSORS,
    TIMM,
    read_header,
    recognise,
)
from arena.world.models.loaders.folders import write_folder
from arena.world.models.nets.foreign.onnx_weights import check_writable, with_weights

KEY, REPORT, COMMITMENT = "key", "report.json", "commitment.json"
_BODY = "body."
_NETWORK = "network."  # where the body holds a network of transformers


def check_free(out: Path) -> None:
    """Refuse a folder that holds a protected model: keys are never overwritten.

    Raises:
        KeyFileError: it does.
    """
    if (out / KEY).exists():
        raise KeyFileError(f"expected a new folder, found a key in {out}; choose another --out")


def check_format(source: Path) -> None:
    """Refuse a model that could not be written in the format it came in.

    Raises:
        ModelError: it could not.
    """
    if recognise(source) == ONNX:
        check_writable(source.read_bytes(), source.name)


def write_protection(made: Protection, source: Path, out: Path, passphrase: str = "") -> Path:
    """Write everything into a folder and return the path of the protected model.

    Args:
        made: what came of protecting.
        source: the file that the model came in: the protected one gets its name and its format.
        out: the folder.
        passphrase: closes the key; "" leaves it open.

    Raises:
        KeyFileError: the folder holds a key already. StoreError: it cannot be written.
    """
    check_free(out)
    path = out / source.resolve().name
    try:
        write_key(owned(made), out / KEY, passphrase)
        write_like(source, made.protected.model, path)
        write_public(made.report, out)
    except OSError as error:
        raise StoreError(f"{out} cannot be written ({error.strerror}); choose another") from error
    return path


def write_public(report: Report, out: Path) -> None:
    """Write what holds no secret: the commitment and the report.

    Raises:
        OSError: they cannot be written.
    """
    write_whole(out / COMMITMENT, _json(commitment_of(report)))
    write_whole(out / REPORT, _json(report.plain()))


def owned(made: Protection) -> OwnedKey:
    """Return the key of a protected model with what it is for."""
    report = made.report
    about = About(
        scheme=report.scheme,
        commitment=report.commitment,
        model=report.model,
        card=made.protected.model.card,
        data=report.data,
        innocents=len(report.innocents),
        accused=sum(innocent.accused for innocent in report.innocents),
    )
    return OwnedKey(made.protected.key, about)


def commitment_of(report: Report) -> dict[str, object]:
    """Return what may be published: hashes of key and model, and the scheme by name."""
    return {
        "scheme": report.scheme.name,
        "paper": defenses.find(report.scheme.name).paper,
        "key_sha256": report.commitment,
        "model_sha256": report.model,
    }


def write_like(source: Path, model: Model, path: Path) -> None:
    """Write a model in the format it came in: a state dict, a folder, a graph, or with its card.

    Raises:
        OSError: it cannot be written. ModelError: the graph of ONNX cannot take the weights.
    """
    found = recognise(source)
    if found == CHECKPOINT:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(_state(model), path)
    elif found == SAFETENSORS and "data" not in read_header(source):
        write_whole(path, save(_state(model)))
    elif found in (HUGGING_FACE, TIMM):
        state = _state(model).items()
        write_folder(source, {name.removeprefix(_NETWORK): value for name, value in state}, path)
    elif found == ONNX:
        write_whole(path, with_weights(source.read_bytes(), _state(model), source.name))
    else:
        save_model(model, path)


def _state(model: Model) -> dict[str, torch.Tensor]:
    """Return the tensors of a model's body by the names of its architecture."""
    return {
        name.removeprefix(_BODY): tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
