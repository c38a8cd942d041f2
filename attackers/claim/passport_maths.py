"""Passports made to order: with a wanted response, or with a network that turns any into it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from arena.world.models import Model
from defenders.passports.scheme import Bottleneck, Passports


def placed(model: Model, secret: Passports) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return the modules of a model that passports are for."""
    found = []
    for layer in secret.layers:
        conv, norm = model.get_submodule(layer.conv), model.get_submodule(layer.norm)
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - the scheme itself chose them
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
        found.append((conv, norm))
    return found


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


def bottleneck(found: Tensor, wanted: Tensor, like: Bottleneck) -> Bottleneck:
    """Return a network of the scheme's form that turns any response into a wanted one.

    Its first two hidden units tell scale and shift apart, its output puts in their place what is
    wanted. With it any passport at all is good for any scale and shift.

    Args:
        found: (2, O) what the passports give.
        wanted: (2, O) what is to come out.
        like: the scheme's network, of which the shapes are taken.
    """
    narrow, wide = (torch.zeros_like(weight) for weight in like)
    n_used = min(2, len(narrow))
    narrow[:n_used] = torch.linalg.pinv(found.double().T)[:n_used].float()
    wide[:, :n_used] = wanted[:n_used].T
    return narrow, wide
