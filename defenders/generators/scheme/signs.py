"""Bits in the signs of normalisation scales: where they lie, and how a model comes to spell them.

Source: Ong et al., CVPR 2021, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.world import layers
from arena.world.graph import LayerGraph, flip
from arena.world.models import Model


def scale_layers(model: Model) -> dict[str, int]:
    """Return the batch normalisations with a scale, in order of execution, and their channels."""
    return {
        name: module.num_features
        for name, module in layers.executed(model, model.card.input_shape)
        if isinstance(module, nn.BatchNorm2d) and module.affine
    }


def scales_of(model: nn.Module, names: Sequence[str]) -> list[Tensor]:
    """Return the scales (C_i,) of named normalisations.

    Raises:
        NotComparable: one is not there, or has none.
    """
    return [layers.weight(model, name) for name in names]


def signs_of(bits: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return bits (n,) as signs of -1 and 1, cut into layers of these sizes.

    >>> [sign.tolist() for sign in signs_of(torch.tensor([1, 0, 1]), [2, 1])]
    [[1.0, -1.0], [1.0]]
    """
    return list(torch.split(bits.float() * 2 - 1, list(sizes)))


def set_signs(scales: Sequence[Tensor], signs: Sequence[Tensor]) -> None:
    """Give scales the signs that they are to have, in place: |scale| * sign."""
    with torch.no_grad():
        for scale, sign in zip(scales, signs, strict=True):
            scale.copy_(scale.abs() * sign.to(scale))


def spelled(model: Model, names: Sequence[str], signs: Sequence[Tensor]) -> Model:
    """Return a model whose scales have these signs, as far as possible with the same function.

    In front of a scale that is to be reversed, weights and running mean are reversed with it, which
    undoes it; where no rewriting is known the scale alone is.
    """
    wanted, turns = dict(zip(names, signs, strict=True)), {}
    for group in LayerGraph.of(model).groups:
        norms = [p.norm for p in group.producers if p.norm and p.norm.layer in wanted]
        if len(norms) != 1 or norms[0].block != 1:
            continue
        place = slice(norms[0].start, norms[0].start + group.n_units)
        scale = layers.weight(model, norms[0].layer)[place].detach()
        turns[group] = torch.where(scale * wanted[norms[0].layer][place] < 0, -1.0, 1.0)
    turned = flip(model, turns)
    set_signs(scales_of(turned, names), signs)
    return turned


def sign_loss(scales: Sequence[Tensor], signs: Sequence[Tensor], margin: float) -> Tensor:
    """Return the sum over layers of the mean of ReLU(margin - scale * sign).

    Args:
        scales: (C_i,) of each layer.
        signs: (C_i,) of -1 and 1, of each layer.
        margin: the size from which a scale of the right sign costs nothing.

    >>> float(sign_loss([torch.tensor([1.0, -1.0])], [torch.tensor([1.0, 1.0])], 0.5))
    0.75
    """
    pairs = zip(scales, signs, strict=True)
    return torch.stack([(margin - scale * sign).relu().mean() for scale, sign in pairs]).sum()


def read_bits(scales: Sequence[Tensor], wanted: Tensor) -> Tensor:
    """Return the bits (n,) that scales spell; a scale of exactly 0 spells what is not wanted."""
    together = torch.cat([scale.detach().cpu().double() for scale in scales])
    return torch.where(together == 0, 1 - wanted.long(), (together > 0).long())


def check_sizes(scales: Sequence[Tensor], sizes: Sequence[int]) -> None:
    """Refuse scales of other layers than a key reads.

    Raises:
        NotComparable: the layers have other numbers of channels.
    """
    found = [len(scale) for scale in scales]
    if found != list(sizes):
        raise NotComparable(f"the suspect's layers have {found} channels, the key reads {[*sizes]}")
