"""State dicts as people have them: in checkpoints, behind wrappers, in other precisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from arena.errors import ModelError
from arena.world.json_values import Raw
from arena.world.models.formats import CHECKPOINT, foreign_format, read_header
from arena.world.models.tensors import check_plain

BODY = "body."  # prefix of every name in a model's state dict
_WRAPPERS = ("module.", "_orig_mod.")  # of DataParallel and its kin, and of torch.compile
_INSIDE = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
_FOREIGN = re.compile(r"GLOBAL ([\w.]+)")  # what torch's reader calls a type that it will not make


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a state dict on disk (.pt, .pth or .safetensors), in float32.

    It may lie in a checkpoint, under `state_dict` or `model` for example; prefixes that all names
    share because the model was wrapped (`module.`, `_orig_mod.`) are left out; half and double
    precision become single precision.

    Raises:
        ModelError: the file holds anything but tensors.
    """
    is_checkpoint = foreign_format(path) == CHECKPOINT
    tensors = _of_checkpoint(path) if is_checkpoint else _of_safetensors(path)
    check_plain(tensors)
    return {name: _single(tensor) for name, tensor in _unwrapped(tensors).items()}


def bodily(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under the names that they have in a `Model`: those of its body."""
    if all(name.startswith(BODY) for name in tensors):
        return dict(tensors)
    return {BODY + name: tensor for name, tensor in tensors.items()}


def _of_safetensors(path: Path) -> dict[str, Tensor]:
    read_header(path)
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def _of_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        state: Raw = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        raise ModelError(
            f"{path} holds more than tensors{_named(error)}, and reading it could run code; "
            "save model.state_dict() instead of the whole model"
        ) from error
    state = _inner(state)
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ModelError(f"{path} should hold a table of named tensors; save model.state_dict()")
    return state


def _named(error: Exception) -> str:
    found = _FOREIGN.search(str(error))
    return f" ({found[1]})" if found else ""


def _inner(state: Raw) -> Raw:
    """Return the one table of tensors that a checkpoint holds beside other values, if it does."""
    if not isinstance(state, dict) or any(isinstance(value, Tensor) for value in state.values()):
        return state
    inside = [state[name] for name in _INSIDE if isinstance(state.get(name), dict)]
    return inside[0] if len(inside) == 1 else state


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): t for name, t in tensors.items()})
    return tensors


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
