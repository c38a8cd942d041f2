"""What travels between a judge and a model behind a URL: batches of images, rows of answers.

As JSON a batch is `{"images": [...]}` with floats in [0, 1], (N, *input_shape); the answer is
`{"probabilities": [...]}`, (N, C), or `{"labels": [...]}`, (N,). As npy both are one array each:
float32 images, and floats (N, C) or integers (N,). Nothing that arrives is unpickled.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arena.errors import EndpointError
from arena.world.json_values import Raw, from_json

BatchForm = Literal["json", "npy"]
Wanted = Literal["labels", "probabilities"]

TYPES: Mapping[BatchForm, str] = MappingProxyType(
    {"json": "application/json", "npy": "application/octet-stream"}
)
MAX_BYTES = 64 * 2**20  # of one request or answer
_ROUNDED = 0.005  # what rounding to two decimals moves a probability


def write_images(images: Tensor, form: BatchForm) -> bytes:
    """Return a batch of images (N, *input_shape), uint8 or floats in [0, 1], as bytes."""
    floats = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    return _written(floats.cpu().numpy(), "images", form)


def write_answers(answers: Tensor, form: BatchForm) -> bytes:
    """Return probabilities (N, C), or labels (N,) as integers, as bytes."""
    name = "probabilities" if answers.is_floating_point() else "labels"
    return _written(answers.cpu().numpy(), name, form)


def read_images(blob: bytes, form: BatchForm) -> Tensor:
    """Return the batch that `write_images` wrote, as float32 in [0, 1]; bytes are divided by 255.

    Raises:
        EndpointError: the bytes are none, or a value is not in [0, 1].
    """
    found = _read(blob, form, ("images",))
    if found.is_complex():
        raise EndpointError("expected values in [0, 1], found complex numbers; send real ones")
    if found.dtype == torch.uint8:
        return found.float() / 255
    images = found.float()
    if images.numel() and not bool(((images >= 0) & (images <= 1)).all()):  # false for NaN, too
        low, high = float(images.min()), float(images.max())
        raise EndpointError(
            f"expected values in [0, 1], found {low:g} to {high:g}; divide bytes by 255, and leave "
            "normalisation to the model"
        )
    return images


def read_answers(blob: bytes, form: BatchForm) -> Tensor:
    """Return probabilities (N, C) as float32, or labels (N,) as int64.

    Raises:
        EndpointError: the bytes are neither.
    """
    found = _read(blob, form, ("probabilities", "labels"))
    return found.float() if found.is_floating_point() else found.long()


def _written(values: NDArray[np.generic], name: str, form: BatchForm) -> bytes:
    if form == "json":
        return json.dumps({name: values.tolist()}).encode()
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _read(blob: bytes, form: BatchForm, names: tuple[str, ...]) -> Tensor:
    parse: Callable[[bytes, tuple[str, ...]], Tensor] = _of_json if form == "json" else _of_npy
    try:
        return parse(blob, names)
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        wanted = " or ".join(names)
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise EndpointError(
            f"expected {wanted} as {form}, found {blob[:40]!r} ({reason}); "
            "send rows of one length, or try another --format"
        ) from error


def _of_json(blob: bytes, names: tuple[str, ...]) -> Tensor:
    document = from_json(blob, finite=False)  # a batch says itself what of it is not finite
    name = next((name for name in names if name in document), None)
    if name is None:
        raise ValueError(f"no key {' or '.join(names)}")
    if (b"true" in blob or b"false" in blob) and _has_truth(document[name]):
        raise ValueError("true or false among the numbers")
    values = torch.from_numpy(np.asarray(document[name]))
    return values if name == "labels" else values.double()


def _has_truth(value: Raw) -> bool:
    """Return whether a truth value is in a list of lists; NumPy would take it for a number."""
    rest = [value]
    while rest:
        found = rest.pop()
        if isinstance(found, bool):
            return True
        if isinstance(found, list):
            rest.extend(found)
    return False


def _of_npy(blob: bytes, names: tuple[str, ...]) -> Tensor:
    array = np.lib.format.read_array(io.BytesIO(blob), allow_pickle=False)
    return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))


def rows_of(answers: Tensor, n: int, n_classes: int, wanted: Wanted) -> Tensor:
    """Return answers as rows (N, C): labels as one-hot rows, probabilities as they are.

    Args:
        answers: what `read_answers` returned.
        n: how many images were asked.
        n_classes: C.
        wanted: where labels are, rows need no more than a largest entry.

    Raises:
        EndpointError: another number of answers or classes; no probabilities where they are wanted.
    """
    if answers.dim() == 1 and not answers.is_floating_point():
        return _of_labels(answers, n, n_classes, wanted)
    if answers.shape != (n, n_classes):
        raise EndpointError(
            f"expected {n} rows of {n_classes} {wanted} as the victim has classes, found the shape "
            f"{tuple(answers.shape)}; ask an endpoint of the same task"
        )
    rows = answers.float()
    fault = "values that are not finite" if not bool(torch.isfinite(rows).all()) else ""
    if not fault and wanted == "probabilities":
        fault = _fault(rows)
    if fault:
        raise EndpointError(
            f"expected probabilities (in [0, 1], each row of sum 1), found {fault}; "
            "apply softmax at the endpoint, or try --access labels"
        )
    return rows


def _of_labels(labels: Tensor, n: int, n_classes: int, wanted: Wanted) -> Tensor:
    if wanted == "probabilities":
        raise EndpointError("expected probabilities, found labels; try --access labels")
    if len(labels) != n:
        raise EndpointError(f"expected {n} labels, found {len(labels)}; answer each image once")
    if n and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        raise EndpointError(
            f"expected labels from 0 to {n_classes - 1}, found {int(labels.min())} to "
            f"{int(labels.max())}; ask an endpoint of the same task"
        )
    return F.one_hot(labels, n_classes).float()


def _fault(rows: Tensor) -> str:
    """Return what keeps rows (N, C) from being probabilities, rounded ones included."""
    if not len(rows):
        return ""
    least, most = float(rows.min()), float(rows.max())
    if least < -_ROUNDED or most > 1 + _ROUNDED:
        return f"values from {least:.3g} to {most:.3g}"
    sums = rows.sum(1)
    worst = float(sums[(sums - 1).abs().argmax()])
    allowed = min(0.5, _ROUNDED * rows.shape[1]) + 1e-3
    return f"a row of sum {worst:.3g}" if abs(worst - 1) > allowed else ""
