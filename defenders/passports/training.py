"""What passports add to training: a branch folded into the model, or one that stays private."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from arena.world import layers
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.passports.branch import BATCH_NORMS
from defenders.passports.scheme import (
    Bottleneck,
    PassportLayer,
    affine,
    footprints,
    squeezed,
)

MARGIN = 0.1  # that a scale is asked to keep from zero. Fan et al., NeurIPS 2019
_SHRINK = 1e-5  # of the squared scales


def fresh_bottleneck(rng: Rng, n_channels: int) -> Bottleneck:
    """Return a bottleneck that keeps the size of what goes through it."""
    generator, hidden = rng.torch(), max(1, n_channels // 4)
    narrow = torch.randn(hidden, n_channels, generator=generator) * (2 / n_channels) ** 0.5
    wide = torch.randn(n_channels, hidden, generator=generator) * (1 / hidden) ** 0.5
    return narrow, wide


def sign_loss(scale: Tensor, signs: Tensor, strength: float) -> Tensor:
    """Return strength * sum ReLU(0.1 - sign * scale) + 1e-5 |scale|^2 over the channels (C,)."""
    return strength * F.relu(MARGIN - signs * scale).sum() + _SHRINK * scale.square().sum()


def tail(model: nn.Module, norm: str) -> tuple[nn.Module, str, tuple[str, ...]]:
    """Return what runs from a normalisation on, to be fed with what the layer before it returns.

    Returns:
        The tail, which shares the model's weights; what its names lack of the model's; the name of
        the layer before it. Where the body is no sequence: the model, "" and no name.
    """
    body, prefix = model.get_submodule("body"), "body."
    names = [name for name, _ in body.named_children()]
    first = names.index(norm.removeprefix(prefix).partition(".")[0])
    if not isinstance(body, nn.Sequential) or first == 0:
        return model, "", ()
    rest = nn.Sequential(OrderedDict(list(body.named_children())[first:]))
    return rest, prefix, (prefix + names[first - 1],)


class Branch(Hook):
    """Base class of the two: holds the layers' passports, computes scales and shifts."""

    def __init__(
        self,
        places: Sequence[PassportLayer],
        passports: Sequence[Tensor],
        bits: Tensor,
        strength: float,
    ) -> None:
        self.places, self.passports, self.strength = tuple(places), tuple(passports), strength
        self.signs = torch.split(bits.float() * 2 - 1, [place.n_bits for place in places])
        self._weights: list[Tensor] = []
        self._feet: list[Tensor] = []

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Find the convolutions, and move what is secret to the device."""
        self._weights = [layers.weight(model, place.conv) for place in self.places]
        self.signs = tuple(signs.to(device) for signs in self.signs)
        self._feet = []
        for place, passports in zip(self.places, self.passports, strict=True):
            conv = model.get_submodule(place.conv)
            assert isinstance(conv, nn.Conv2d)  # noqa: S101 - so `passport_layers` chose it
            self._feet.append(footprints(passports, conv).to(device))

    def affines(self) -> list[tuple[Tensor, Tensor]]:
        """Return the scale and the shift of each layer, differentiable in its weights."""
        pairs = zip(self._weights, self._feet, strict=True)
        return [affine(weight, feet) for weight, feet in pairs]

    def signature_loss(self, scales: Sequence[Tensor]) -> Tensor:
        """Return the sign losses of all layers."""
        pairs = zip(scales, self.signs, strict=True)
        return torch.stack([sign_loss(s, wanted, self.strength) for s, wanted in pairs]).sum()


class FoldedBranch(Branch):
    """The model's only branch is the passport's: its norms hold Avg(W * P) as constants (V1).

    Before the step, the gradients of scale and shift are handed on to the weights that they come
    from (both are linear in them, so this is the exact chain rule); after it they are folded anew.
    """

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Fold the passports in."""
        super().start(model, rng, device)
        modules = dict(model.named_modules())
        self._norms = [modules[place.norm] for place in self.places]
        self._fold()

    def loss(self, view: StepView) -> Tensor:
        """Return the sign losses."""
        return self.signature_loss([scale for scale, _ in self.affines()])

    def before_step(self, view: StepView) -> None:
        """Hand the gradients of scale and shift on to the convolutions."""
        for norm, weight, feet in zip(self._norms, self._weights, self._feet, strict=True):
            given = torch.stack([_gradient(norm.weight), _gradient(norm.bias)], 1)  # (O, 2)
            passed = (given @ feet).view(weight.shape)
            weight.grad = passed if weight.grad is None else weight.grad + passed
            norm.weight.grad = norm.bias.grad = None

    def after_step(self, view: StepView) -> None:
        """Fold the passports into the new weights' constants."""
        self._fold()

    @torch.no_grad()
    def _fold(self) -> None:
        for norm, (scale, shift) in zip(self._norms, self.affines(), strict=True):
            norm.weight.copy_(scale)
            norm.bias.copy_(shift)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


class PrivateBranch(Branch):
    """A second forward pass in which passports give scale and shift; its loss is added (V2, PAN).

    The private pass normalises by its batch's own statistics and records them for itself, so the
    released model's stay as they are. Before the first passport both passes are the same: in a
    model that is a sequence the private one goes on from there.

    Attributes:
        nets: for each layer the bottleneck behind Avg(W * P); none where there is nothing behind.
    """

    passes = 1

    def __init__(
        self,
        places: Sequence[PassportLayer],
        passports: Sequence[Tensor],
        bits: Tensor,
        strength: float,
        nets: Sequence[Bottleneck] = (),
        lr: float = 1e-3,
    ) -> None:
        super().__init__(places, passports, bits, strength)
        self.nets, self.lr = tuple(nets), lr
        self._buffers: Mapping[str, Tensor] = {}
        self._tail, self._prefix = nn.Module(), ""
        self._optimiser: torch.optim.Optimizer | None = None

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Make statistics of the branch's own, and an optimiser for its bottlenecks."""
        super().start(model, rng, device)
        self._tail, self._prefix, self.layers = tail(model, self.places[0].norm)
        self._buffers = {
            f"{name}.{part}": buffer.detach().clone()
            for name, module in self._tail.named_modules()
            if isinstance(module, BATCH_NORMS)
            for part, buffer in module.named_buffers()
        }
        self.nets = tuple(
            (narrow.detach().to(device).requires_grad_(), wide.detach().to(device).requires_grad_())
            for narrow, wide in self.nets
        )
        if self.nets:
            learnt = [weight for net in self.nets for weight in net]
            self._optimiser = torch.optim.Adam(learnt, lr=self.lr)

    def loss(self, view: StepView) -> Tensor:
        """Return the private branch's cross-entropy and the sign losses."""
        pairs = self.affines()
        loss = self.signature_loss([scale for scale, _ in pairs])
        if self.nets:
            linked = zip(self.nets, pairs, strict=True)
            pairs = [(squeezed(net, scale), squeezed(net, shift)) for net, (scale, shift) in linked]
        given = dict(self._buffers)
        for place, (scale, shift) in zip(self.places, pairs, strict=True):
            norm = place.norm.removeprefix(self._prefix)
            given |= {f"{norm}.weight": scale, f"{norm}.bias": shift}
        shared = view.activations[self.layers[0]] if self.layers else view.inputs
        logits = functional_call(self._tail, given, (shared,))
        return loss + F.cross_entropy(logits.float(), view.targets)

    def before_step(self, view: StepView) -> None:
        """Train the bottlenecks on the gradients of this step."""
        if self._optimiser is not None:
            self._optimiser.step()
            self._optimiser.zero_grad()
