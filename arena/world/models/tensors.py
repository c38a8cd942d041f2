"""What tensors from outside must be before a model takes them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from arena.errors import ModelError

MAX_BYTES = 4 * 2**30
_MAX_LISTED = 5


def check_plain(tensors: Mapping[str, Tensor]) -> None:
    """Refuse what is not a dense tensor with values, or is larger than 4 GiB in all.

    Sizes are those that copies would have: a tensor of stride 0 can claim more than it stores.

    Raises:
        ModelError: names the tensors.
    """
    strange = [
        name
        for name, tensor in tensors.items()
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_meta
    ]
    if strange:
        raise ModelError(
            f"a model's state holds dense tensors only, found other values in {_listed(strange)}; "
            "save model.state_dict()"
        )
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if n_bytes > MAX_BYTES:
        raise ModelError(
            f"a model holds at most {MAX_BYTES / 2**30:g} GiB, found {n_bytes / 2**30:.1f} GiB"
        )


def check_match(title: str, expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Compare tensors with those that an architecture has: names, types, shapes; all finite.

    Raises:
        ModelError: names every kind of difference.
    """
    missing = [name for name in expected if name not in tensors]
    extra = [name for name in tensors if name not in expected]
    problems = [f"missing are {_listed(missing)}"] if missing else []
    if extra:
        problems.append(f"unknown are {_listed(extra)}")
    common = [(name, expected[name], tensors[name]) for name in expected if name in tensors]
    wrong = [fault for fault in (_fault(*entry) for entry in common) if fault]
    problems += wrong[:_MAX_LISTED]
    if problems:
        raise ModelError(
            f"the tensors are not those of {title}: {'; '.join(problems)}; "
            "check the card's architecture, arguments, input shape and classes"
        )


def _fault(name: str, expected: Tensor, found: Tensor) -> str:
    if found.shape != expected.shape:
        return f"{name} should have the shape {tuple(expected.shape)}, found {tuple(found.shape)}"
    if found.dtype != expected.dtype:
        return f"{name} should be {expected.dtype}, found {found.dtype}"
    if found.is_floating_point() and not bool(torch.isfinite(found).all()):
        return f"{name} holds NaN or infinite values"
    return ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
