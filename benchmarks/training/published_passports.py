"""A port of DeepIPR's passport layer and loop to plain torch: what its published step does.

Convolution, normalisation without scale and shift, then those of the public branch or of the
passports, which are convolved with the layer's weights anew in every private pass; V2 makes a
public and a private pass a step and adds the losses. The data loader and the transformation of
single images, which cost more, are left out. Source: Fan et al., NeurIPS
2019, and their published code.
"""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples

CARD = ModelCard(
    architecture="lenet5",
    arguments={"norm": "batch"},
    n_classes=10,
    input_shape=(1, 28, 28),
    mean=(0.1307,),
    std=(0.3081,),
)


class Ported(nn.Module):
    """Convolution, normalisation and passports as the published layer has them.

    With passports in use, both are convolved with the layer's weights in each forward pass.
    """

    def __init__(self, conv: nn.Conv2d, shape: tuple[int, ...], public: bool) -> None:
        super().__init__()
        self.conv, self.norm = conv, nn.BatchNorm2d(conv.out_channels, affine=False)
        self.passports = nn.ParameterList(
            [nn.Parameter(torch.rand(1, *shape) * 2 - 1, requires_grad=False) for _ in range(2)]
        )
        self.signs = torch.randint(0, 2, (conv.out_channels,)) * 2.0 - 1
        self.public = public
        self.affine = nn.ParameterList([torch.ones(conv.out_channels), self.signs * 0])
        self.sign_loss = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of its input, and keep the sign loss of a private pass."""
        scale, shift = self.affine
        if not self.public:
            scale, shift = (self.conv(p).mean((0, 2, 3)) for p in self.passports)
            lack = F.relu(0.1 - self.signs * scale).sum()
            self.sign_loss = 0.1 * lack + 1e-5 * scale.square().sum()
        x = self.norm(self.conv(x))
        return F.relu(scale[None, :, None, None] * x + shift[None, :, None, None])


def ported(version: int) -> tuple[Model, list[Ported]]:
    """Return LeNet-5 with the published layer (in the place of both norms) and its layers."""
    model, found = build(CARD, Rng(0)), []
    for i, shape in ((1, (1, 28, 28)), (2, (6, 14, 14))):
        conv = model.get_submodule(f"body.conv{i}")
        assert isinstance(conv, nn.Conv2d)
        conv.bias = None
        if version == 0:
            continue
        found.append(Ported(conv, shape, public=False))
        model.set_submodule(f"body.conv{i}", found[-1])
        for name in (f"body.norm{i}", f"body.relu{i}"):
            model.set_submodule(name, nn.Identity())
    return model.train(), found


def published(version: int, examples: Examples, batch: int, n_steps: int) -> float:
    """Return seconds a step of the plain loop over a port: V1, V2, or 0 for no passports."""
    model, layers = ported(version)
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    began = 0.0
    for step in range(n_steps + 1):
        if step == 1:
            began = time.perf_counter()
        at = step * batch % len(examples)
        images = examples.images[at : at + batch].float() / 255
        targets = examples.targets[at : at + batch]
        optimiser.zero_grad()
        loss = torch.zeros(())
        for public in (True, False) if version == 2 else (False,):
            for layer in layers:
                layer.public = public
            loss = loss + F.cross_entropy(model(images), targets)
        for layer in layers:
            loss = loss + layer.sign_loss
        loss.backward()
        optimiser.step()
    return (time.perf_counter() - began) / n_steps
