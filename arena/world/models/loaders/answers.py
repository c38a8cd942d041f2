"""Models that only answer: behind a URL, behind a Python function, or in somebody else's runtime.

Whatever answers gives one row of numbers for each image, or its class. Rows become probabilities:
what is none is taken for logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import ModelError
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.loaders.registry import LoadedModel
from arena.world.remote.client import RemoteModel
from arena.world.remote.endpoint import Endpoint
from arena.world.remote.http_format import Wanted
from arena.world.rng import Rng

_N_PROBES = 32
_CHUNK = 256  # images that are asked at once
_SUM = 1e-3  # by which a row of probabilities may miss 1

Ask = Callable[[Tensor], Any]
"""Images (N, *input_shape) as floats in [0, 1] -> rows (N, C) or classes (N,), tensor or array."""


@dataclass(frozen=True)
class Asked:
    """A Python function that answers as a model does.

    Attributes:
        ask: from images to rows or classes.
        name: what reports and messages call it.
    """

    ask: Ask
    name: str = "a Python function"


def of_callable(ask: Ask, form: ModelCard, name: str = "a Python function") -> LoadedModel:
    """Return what a Python function answers as a model; it grants probabilities, or labels alone.

    Args:
        ask: from images to rows or classes.
        form: the card of a model of the data.
        name: what messages call it.

    Raises:
        ModelError: it raises, or answers in another form.
    """
    probes = torch.rand(_N_PROBES, *form.input_shape, generator=Rng(0).torch())
    first = _asked(ask, probes, form, name)
    card = form.model_copy(update={"architecture": name, "arguments": {}})
    is_labels, is_logits = first.dim() == 1, first.dim() == 2 and not _are_probabilities(first)

    def answer(images: Tensor) -> Tensor:
        parts = [_asked(ask, part, form, name) for part in images.split(_CHUNK)]
        rows = torch.cat(parts) if parts else torch.zeros(0, form.n_classes)
        if is_labels:
            return F.one_hot(rows, form.n_classes).float()
        return rows.softmax(1) if is_logits else rows

    return LoadedModel(card, "labels" if is_labels else "probabilities", answer=answer)


def of_endpoint(endpoint: Endpoint, form: ModelCard, want: Output = "probabilities") -> LoadedModel:
    """Return what answers behind a URL, in the arena's wire format, as a model.

    It grants what is wanted of it: probabilities, or labels. Faults are found when it is asked.
    """
    wanted: Wanted = "labels" if want == "labels" else "probabilities"
    remote = RemoteModel(endpoint, form.n_classes, wanted)
    card = form.model_copy(update={"architecture": endpoint.url, "arguments": {}})
    return LoadedModel(card, wanted, answer=remote)


def _asked(ask: Ask, images: Tensor, form: ModelCard, name: str) -> Tensor:
    """Return rows (N, C) as float32, or classes (N,) as int64."""
    floats = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    try:
        found = torch.as_tensor(np.asarray(ask(floats)))
    except ModelError:
        raise
    except Exception as error:  # a person's code can raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise ModelError(f"{name} cannot answer {len(images)} images ({reason})") from error
    if found.dim() == 1 and not found.is_floating_point() and len(found) == len(images):
        if len(found) and not 0 <= int(found.min()) <= int(found.max()) < form.n_classes:
            raise ModelError(
                f"expected classes from 0 to {form.n_classes - 1} of {name}, found "
                f"{int(found.min())} to {int(found.max())}; give the data that it was trained on"
            )
        return found.long()
    if found.shape != (len(images), form.n_classes):
        raise ModelError(
            f"expected {len(images)} rows of {form.n_classes} numbers of {name}, or as many "
            f"classes, found the shape {tuple(found.shape)}; give the data that it was trained on"
        )
    if not bool(torch.isfinite(found).all()):
        raise ModelError(f"expected finite numbers of {name}, found others")
    return found.float()


def _are_probabilities(rows: Tensor) -> bool:
    return bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() <= _SUM).all())
