"""The private branch at the trial: attached to a suspect, recalibrated, compared with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arena.errors import MalformedKey, NotComparable
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.passports.scheme import (
    PassportKey,
    PassportLayer,
    Passports,
    affine,
    footprints,
    squeezed,
)

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
Affines = list[tuple[Tensor, Tensor]]
"""Scale and shift (O,) of each passport layer."""

LEAST_IMAGES = 64
"""Fewer show too little of what a branch does."""


def balanced(data: Dataset, n_images: int, rng: Rng) -> Dataset:
    """Return up to `n_images` random images, of each class as equally many as there are."""
    data = data.select(torch.randperm(len(data), generator=rng.torch()))
    seen = [0] * data.n_classes
    rank = []
    for label in data.labels.tolist():
        rank.append(seen[label])
        seen[label] += 1
    return data.select(torch.tensor(rank).argsort(stable=True)[:n_images])


def agreement(private: Tensor, public: Tensor, n_classes: int) -> float:
    """Return the share of images (N,) for which the branch says what the suspect says.

    The mean over all classes; one that the suspect never says counts as 0. So neither a branch that
    always says the same nor images chosen to suit it come far.

    >>> agreement(torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]), 2)
    0.5
    """
    same = (private == public).double()
    shares = [float(same[public == c].mean()) for c in set(public.tolist())]
    return sum(shares) / n_classes


def parts(model: Model, place: PassportLayer) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Return a suspect's modules for a passport layer.

    Raises:
        NotComparable: it has none of these names, kinds and widths.
    """
    modules = dict(model.named_modules())
    conv, norm = modules.get(place.conv), modules.get(place.norm)
    if (
        not isinstance(conv, nn.Conv2d)
        or not isinstance(norm, nn.BatchNorm2d)
        or tuple(conv.weight.shape) != place.shape
        or norm.num_features != place.n_bits
    ):
        raise NotComparable(
            f"the suspect has no convolution {place.conv!r} of {place.shape} with a batch "
            f"normalisation {place.norm!r}, as the passport asks"
        )
    return conv, norm


def attach(
    model: Model, places: Sequence[PassportLayer], affines: Sequence[tuple[Tensor, Tensor]]
) -> None:
    """Give each passport layer its scale and shift (O,), in place."""
    with torch.no_grad():
        for place, (scale, shift) in zip(places, affines, strict=True):
            _, norm = parts(model, place)
            norm.weight.copy_(scale)
            norm.bias.copy_(shift)


def recalibrate(model: Model, images: Tensor, compute: Compute) -> None:
    """Give every batch normalisation the statistics that these images have in the model, in place.

    Statistics that were recorded under another scale and shift, or before a thief trained on, are
    stale: with them a genuine copy would be inaccurate. Source: Zhang et al., NeurIPS 2020.
    """
    norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
    kept = [norm.momentum for norm in norms]
    compute.place(model).eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    n_batches = len(list(compute.chunks(len(images))))
    with torch.no_grad():
        for batch in images.chunk(n_batches):  # of equal size, so that all images count the same
            model(compute.images(batch))
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    model.eval()


def check_images(images: Tensor, input_shape: tuple[int, ...]) -> None:
    """Refuse images that the suspect does not take, or too few.

    Raises:
        NotComparable: with what was expected.
    """
    if tuple(images.shape[1:]) != input_shape or len(images) < LEAST_IMAGES:
        raise NotComparable(
            f"expected at least {LEAST_IMAGES} images of {input_shape} in the key, found "
            f"{tuple(images.shape)}"
        )


def responses(secret: Passports, suspect: Suspect) -> Affines:
    """Return Avg(W * P) for the passports of scale and shift, by the suspect's own weights W.

    Raises:
        NotComparable: the suspect lacks the layers, or the passports do not fit them.
    """
    model, found = suspect.model(), []
    for place, maps in secret.pairs():
        conv, _ = parts(model, place)
        weight = suspect.weights(place.conv, place.shape)  # (O, I, kh, kw)
        feet = footprints(maps.double(), conv)
        if feet.shape != (2, weight[0].numel()):
            raise NotComparable(f"the passports of {place.conv!r} do not fit its weights")
        found.append(affine(weight, feet))
    return found


def put_in_place(secret: Passports, found: Affines) -> Affines:
    """Return what the networks of a key make of scales and shifts.

    Raises:
        MalformedKey: the key holds no networks.
    """
    made = []
    for i, (scale, shift) in enumerate(found):
        net = secret.bottleneck(i)
        if net is None:
            raise MalformedKey("the key holds no network behind its passports")
        net = (net[0].double(), net[1].double())
        made.append((squeezed(net, scale), squeezed(net, shift)))
    return made


def private_branch(secret: PassportKey, suspect: Suspect, affines: Affines) -> Model:
    """Return the suspect with these scales and shifts, its statistics taken from the key's images.

    Raises:
        NotComparable: the suspect does not take the key's images, or lacks the layers.
    """
    check_images(secret.images, suspect.input_shape)
    model = suspect.model()
    attach(model, secret.layers, affines)
    recalibrate(model, secret.images, suspect.compute)
    return model
