"""ONNX models: asked through onnxruntime, or turned into a network by onnx2torch for its weights.

An image goes in as values in [0, 1], channels first or last as the graph has them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from arena.errors import ModelError
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.formats import ONNX
from arena.world.models.loaders.answers import of_callable
from arena.world.models.loaders.own_input import own_card, own_input
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader
from arena.world.models.model import restore
from arena.world.models.nets.foreign.onnx_graph import network_of
from arena.world.models.nets.foreign.onnx_weights import graph_of
from arena.world.models.state_dicts import BODY
from arena.world.models.tensors import MAX_BYTES

_TYPES = {"tensor(float)": "f4", "tensor(double)": "f8", "tensor(float16)": "f2"}
Array = NDArray[np.generic]


@loader(ONNX, grants="probabilities", most="weights")
def read_onnx(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return an ONNX model: its weights where they are wanted, else what it answers.

    It is fed values in [0, 1]; `mean = ..., std = ...` in words feed it `(x - mean) / std`.

    Raises:
        ModelError: a library is missing, the graph is damaged, cannot be converted, or takes or
            answers something else than the data's images and classes.
    """
    blob = _bytes(file.path)
    if want == "weights":
        return _network(blob, own_card(file, form), file.path)
    session, feed = _session(blob, file.path), own_input(file, form)
    run = _runner(session, form, file.path)
    return of_callable(lambda images: run(feed(images)), form, f"the ONNX model {file.path.name}")


def _bytes(path: Path) -> bytes:
    try:
        n_bytes = path.stat().st_size
        if n_bytes > MAX_BYTES:
            raise ModelError(f"expected at most {MAX_BYTES / 2**30:g} GiB, found more in {path}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); check the path") from error


def _network(blob: bytes, form: ModelCard, path: Path) -> LoadedModel:
    graph = graph_of(blob, str(path))
    fields = {"architecture": f"onnx:{path.stem}", "arguments": {"graph": graph}}
    card = form.model_copy(update=fields)
    state = network_of(blob, str(path)).state_dict()
    return LoadedModel.of(restore(card, {BODY + name: tensor for name, tensor in state.items()}))


def _session(blob: bytes, path: Path) -> Any:
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise ModelError(
            f"expected the library onnxruntime for {path.name}, found none ({error}); "
            "try pip install 'copyright-arena[models]'"
        ) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        raise ModelError(
            f"{path} is no ONNX model that onnxruntime reads ({_reason(error)}); export it again, "
            "with its weights inside the file"
        ) from error


def _runner(session: Any, form: ModelCard, path: Path) -> Callable[[Tensor], Array]:
    taken = session.get_inputs()[0]
    if len(session.get_inputs()) != 1 or taken.type not in _TYPES:
        raise ModelError(
            f"expected an ONNX model of one input of floats, found {len(session.get_inputs())} "
            f"inputs in {path}, the first of {taken.type}; export the classifier alone"
        )
    last = _channels_last(taken.shape, form)
    n_fixed = taken.shape[0] if isinstance(taken.shape[0], int) else 0
    output = _output(session, form)

    def run(images: Tensor) -> Array:
        placed = images.movedim(1, -1) if last else images
        rows = placed.numpy().astype(_TYPES[taken.type])
        size, parts = n_fixed or len(rows) or 1, []
        for i in range(0, len(rows), size):
            part = rows[i : i + size]
            (found,) = session.run([output], {taken.name: _filled(part, n_fixed)})
            parts.append(found[: len(part)])
        return np.concatenate(parts) if parts else np.zeros((0, form.n_classes), "f4")

    return run


def _filled(rows: Array, n_fixed: int) -> Array:
    """Return a batch of the size that a graph was exported with, filled up with zeros."""
    missing = n_fixed - len(rows)
    if missing <= 0:
        return rows
    return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)])


def _channels_last(shape: list[int | str], form: ModelCard) -> bool:
    """Tell whether a graph takes (N, H, W, C) where the data have (C, H, W)."""
    if len(form.input_shape) != 3 or len(shape) != 4:
        return False
    channels, height, width = form.input_shape
    fixed = [size if isinstance(size, int) else None for size in shape[1:]]
    fits_first = all(f in (None, s) for f, s in zip(fixed, (channels, height, width), strict=True))
    fits_last = all(f in (None, s) for f, s in zip(fixed, (height, width, channels), strict=True))
    return fits_last and not fits_first


def _output(session: Any, form: ModelCard) -> str:
    """Return the name of the output that holds a row for each image, or the only one."""
    outputs = session.get_outputs()
    rows = [
        one.name
        for one in outputs
        if one.type in _TYPES and len(one.shape) == 2 and one.shape[1] in (form.n_classes, None)
    ]
    name: str = rows[0] if rows else outputs[0].name
    return name


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]
