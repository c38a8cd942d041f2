"""Property inference: is a model marked at all? A score in [0, 1] from shadow models.

Whoever has a model's weights and knows how a scheme marks, but not its key, trains shadow models
with and without such a mark and learns to tell them apart by what their weights look like. No move
of a match: the score says how well a scheme hides, and `benchmarks.stealth` measures it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import scipy  # its parts load when they are first used
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng

_WIDTH = 512  # units of each hidden layer
_N_STEPS = 100
_DECAY = 1e-2
_TINY = 1e-12
_FLOOR = 0.01  # a feature, a logarithm or a share, that shadows differ in by less says little
_FAR = 10.0  # standard deviations beyond which a feature says no more
_NEAR_ZERO = 0.01  # of a layer's standard deviation
_NORMS = (nn.BatchNorm2d, nn.BatchNorm1d, nn.GroupNorm, nn.InstanceNorm2d)


def weight_features(weight: Tensor) -> list[float]:
    """Return what a layer's weight looks like, whatever the order of its units.

    The logarithm of the standard deviation, the kurtosis (0 for a normal law), the share of weights
    that are as good as zero; the logarithms of the standard deviations of the mean filter, which
    Uchida's mark lives in, and of the norms of units.

    Args:
        weight: (O, I) or (O, I, kh, kw).
    """
    flat = weight.detach().double().flatten(1)  # (O, n)
    spread = flat.std(correction=0).clamp_min(_TINY)
    centred = (flat - flat.mean()) / spread
    return [
        float(spread.log()),
        float(centred.pow(4).mean() - 3),
        float((flat.abs() < _NEAR_ZERO * spread).double().mean()),
        float(flat.mean(0).std(correction=0).clamp_min(_TINY).log()),
        float(flat.norm(dim=1).std(correction=0).clamp_min(_TINY).log()),
    ]


def norm_features(norm: nn.Module) -> list[float]:
    """Return what the scales and shifts of a norm look like: none where it has none."""
    scale, shift = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if not isinstance(scale, Tensor) or not isinstance(shift, Tensor):
        return []
    scale, shift = scale.detach().double(), shift.detach().double()
    return [
        float(scale.abs().mean().clamp_min(_TINY).log()),
        float(scale.std(correction=0).clamp_min(_TINY).log()),
        float((scale < 0).double().mean()),
        float(shift.std(correction=0).clamp_min(_TINY).log()),
    ]


def features(model: Model) -> Tensor:
    """Return the features (F,) of a model, layer after layer, as float64."""
    found: list[float] = []
    for name in dict.fromkeys(layers.weighted(model, model.card.input_shape)):
        found += weight_features(layers.weight(model, name))
    for module in model.modules():
        if isinstance(module, _NORMS):
            found += norm_features(module)
    return torch.tensor(found, dtype=torch.float64)


def spreads(model: Model) -> Tensor:
    """Return the logarithm of the standard deviation of each layer's weights (L,), as float64."""
    names = dict.fromkeys(layers.weighted(model, model.card.input_shape))
    stds = [layers.weight(model, name).detach().double().std(correction=0) for name in names]
    return torch.stack(stds).clamp_min(_TINY).log()


def spread_scores(suspects: Tensor, unmarked: Tensor) -> Tensor:
    """Return how sure it is that a layer's weights are spread wider than those of unmarked models.

    1 - the p-value of Student's t for one further observation, the smallest of a model's layers
    times their number. Source: Wang and Kerschbaum, ICASSP 2019 (the effect; the test is ours).

    Args:
        suspects: (N, L), `spreads` of each.
        unmarked: (n, L) of shadow models, n at least 2.

    Returns:
        (N,), in [0, 1].
    """
    n = len(unmarked)
    spread = unmarked.std(0).clamp_min(_TINY) * (1 + 1 / n) ** 0.5
    t = ((suspects - unmarked.mean(0)) / spread).numpy()  # (N, L)
    least = torch.from_numpy(scipy.stats.t.sf(t, n - 1)).min(1).values
    return 1 - (least * suspects.shape[1]).clamp_max(1)


@dataclass(frozen=True)
class Detector:
    """A perceptron that tells marked models from unmarked ones by their features.

    Attributes:
        mean, scale: (F,), what features are standardised by. net: features (N, F) -> logits (N, 1).
    """

    mean: Tensor
    scale: Tensor
    net: nn.Module

    @classmethod
    def fitted(cls, marked: Tensor, unmarked: Tensor, rng: Rng) -> Detector:
        """Return a detector trained on shadow models.

        512-512-1 units, Adam, binary cross-entropy (Shafieinejad et al., IH&MMSec 2021), with
        weight decay, as shadows are few.

        Args:
            marked: (n, F), those with a mark.
            unmarked: (m, F), those without.
            rng: of the initial weights.
        """
        rows = torch.cat([marked, unmarked])
        truth = torch.cat([torch.ones(len(marked)), torch.zeros(len(unmarked))])
        made = cls(rows.mean(0), rows.std(0) + _FLOOR, _perceptron(rows.shape[1], rng))
        optimiser = torch.optim.Adam(made.net.parameters(), lr=1e-3, weight_decay=_DECAY)
        inputs = made._inputs(rows)
        for _ in range(_N_STEPS):
            optimiser.zero_grad()
            loss = F.binary_cross_entropy_with_logits(made.net(inputs)[:, 0], truth)
            loss.backward()
            optimiser.step()
        return made

    @torch.no_grad()
    def scores(self, suspects: Tensor) -> Tensor:
        """Return how sure it is that suspects (N, F) are marked: (N,), in [0, 1]."""
        return torch.sigmoid(self.net(self._inputs(suspects))[:, 0].double())

    def _inputs(self, rows: Tensor) -> Tensor:
        return ((rows - self.mean) / self.scale).clamp(-_FAR, _FAR).float()


def _perceptron(n_features: int, rng: Rng) -> nn.Sequential:
    sizes, generator = (n_features, _WIDTH, _WIDTH, 1), rng.torch()
    parts: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        linear = nn.Linear(n_in, n_out, device="meta").to_empty(device="cpu")  # nothing is drawn
        with torch.no_grad():
            linear.weight.normal_(0, (2 / n_in) ** 0.5, generator=generator)
            linear.bias.zero_()
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])
