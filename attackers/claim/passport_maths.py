"""Passports made to order: an honest-looking key, and passports with a wanted response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from arena.game.rules.keys import Key
from arena.game.sides.access import Access
from arena.game.sides.defense import Defense
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Recipe
from attackers.claim.as_owner import posed


def thieves_key(access: Access, victim: Model, scheme: Defense, rng: Rng) -> Key:
    """Return a fresh key of a scheme for the victim: the thief plays an owner that trains no step.

    Its images are the thief's own, with the victim's answers as labels.
    """
    own = access.data()
    data = replace(own, labels=access.lab.labels(victim, own.images))
    task = posed(access, victim, data, Recipe(epochs=0), rng.child("no training"))
    return scheme.protect(task, rng.child("key")).key


def placed(model: Model, key: Key) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return the modules of a model that the passports of a key are for."""
    found = []
    for layer in key.settings["layers"]:
        conv, norm = model.get_submodule(layer["conv"]), model.get_submodule(layer["norm"])
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - the scheme itself chose them
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
        found.append((conv, norm))
    return found


def response(passports: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return Avg(W * P), (2, O), for the passports (2, I, H, W) of scale and shift."""
    weight = conv.weight.to(passports)
    maps = F.conv2d(passports, weight, None, conv.stride, conv.padding, conv.dilation)
    return maps.mean((2, 3))


def solved(wanted: Tensor, start: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return the passports nearest to `start` whose response is the wanted one.

    Avg(W * P) is linear in P, and P has many more entries than a layer has channels: any scale and
    shift whatever is that of a passport, found in closed form.

    Args:
        wanted: (2, O) scale and shift.
        start: (2, I, H, W).
        conv: the layer.
    """
    begin = start.double()
    weight = conv.weight.detach().cpu().double()
    positions = _positions(begin, conv, weight)
    n_out, n_positions = positions.shape[1], positions[0, 0].numel()
    probes = torch.eye(n_out, dtype=torch.float64)[:, :, None, None].expand_as(positions)
    rows: Tensor = conv2d_input(
        (n_out, *begin.shape[1:]),
        weight,
        probes / n_positions,
        conv.stride,
        conv.padding if isinstance(conv.padding, tuple) else (0, 0),
        conv.dilation,
    ).flatten(1)  # (O, I * H * W): the response is rows @ P
    lack = wanted.double() - begin.flatten(1) @ rows.T  # (2, O)
    moved: Tensor = begin + (lack @ torch.linalg.pinv(rows).T).view_as(begin)
    return moved.float()


def _positions(passports: Tensor, conv: nn.Conv2d, weight: Tensor) -> Tensor:
    """Return zeros (O, O, H', W') of the size of the layer's output."""
    maps = F.conv2d(passports[:1], weight, None, conv.stride, conv.padding, conv.dilation)
    return torch.zeros(maps.shape[1], *maps.shape[1:], dtype=maps.dtype)


def bottleneck(found: Tensor, wanted: Tensor, sizes: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Return a network of the scheme's form that turns any response into a wanted one.

    Its first two hidden units tell scale and shift apart, its output puts in their place what is
    wanted. With it any passport at all is good for any scale and shift.

    Args:
        found: (2, O) what the passports give.
        wanted: (2, O) what is to come out.
        sizes: weights (h, O) and (O, h) of the scheme's network, of which the shapes are taken.
    """
    narrow, wide = (torch.zeros_like(weight) for weight in sizes)
    n_used = min(2, len(narrow))
    narrow[:n_used] = torch.linalg.pinv(found.double().T)[:n_used].float()
    wide[:, :n_used] = wanted[:n_used].T
    return [narrow, wide]


def through(nets: tuple[Tensor, Tensor] | None, values: Tensor) -> Tensor:
    """Return what a scheme's network makes of responses (2, O); themselves where it has none."""
    if nets is None:
        return values
    return F.linear(F.leaky_relu(F.linear(values, nets[0])), nets[1])


def networks(tensors: Mapping[str, Tensor], i: int) -> tuple[Tensor, Tensor] | None:
    """Return the network behind the passports of the i-th layer; None where there is none."""
    if f"bottleneck/{i}/0" not in tensors:
        return None
    return tensors[f"bottleneck/{i}/0"], tensors[f"bottleneck/{i}/1"]
