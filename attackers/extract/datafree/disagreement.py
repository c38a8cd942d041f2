"""What copies by disagreement consist of: a clone, a generator, and gradients that are guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import BudgetExceeded
from arena.game.sides.access import Access
from arena.game.sides.lab import Lab
from arena.world.global_rng import lent
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.extract.queries import floor_of

Loss = Callable[[Tensor, Tensor], Tensor]
"""(the victim's probabilities (N, C), the clone's logits (N, C)) -> one value each, (N,)."""

_LEAST = 1e-7  # of a probability whose logarithm is taken
_REMEMBERED = 1000  # batches
_WIDTHS = (128, 64)  # channels before and behind the second doubling


def divergence(answers: Tensor, logits: Tensor) -> Tensor:
    """Return KL(victim || clone), (N,). Source: Kariyappa et al., CVPR 2021, equation 2."""
    known = answers.clamp_min(_LEAST)
    return (known * (known.log() - logits.log_softmax(1))).sum(1)


def logit_distance(answers: Tensor, logits: Tensor) -> Tensor:
    """Return the mean absolute difference of centred logits, (N,); the victim's are log p.

    Source: Truong et al., CVPR 2021, section 3.3 (logits up to a constant from probabilities).
    """
    known = answers.clamp_min(_LEAST).log()
    centred = known - known.mean(1, keepdim=True), logits - logits.mean(1, keepdim=True)
    return (centred[0] - centred[1]).abs().mean(1)


class PixelGenerator(nn.Module):
    """Noise (B, latent) in, what lies before the last tanh out, (B, *shape): three convolutions.

    Images start at a quarter of their side and are doubled twice. Source: Kariyappa et al., CVPR
    2021, the authors' generator for small images.
    """

    def __init__(self, shape: tuple[int, ...], latent: int) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        channels, height, width = shape if len(shape) == 3 else (1, 1, shape[0])
        self.size, wide, narrow = (height, width), *_WIDTHS
        self.start = (-(-height // 4), -(-width // 4))
        self.linear = nn.Linear(latent, wide * self.start[0] * self.start[1])
        self.body = nn.Sequential(
            nn.BatchNorm2d(wide),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.BatchNorm2d(wide),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(wide, narrow, 3, padding=1),
            nn.BatchNorm2d(narrow),
            nn.LeakyReLU(0.2),
            nn.Conv2d(narrow, channels, 3, padding=1),
            nn.BatchNorm2d(channels, affine=False),
        )

    def forward(self, noise: Tensor) -> Tensor:
        """Return unbounded maps (B, *shape); `shown` makes images of them."""
        maps: Tensor = self.body(self.linear(noise).view(len(noise), -1, *self.start))
        return maps[:, :, : self.size[0], : self.size[1]].reshape(-1, *self.shape)


def shown(maps: Tensor) -> Tensor:
    """Return maps as images in [0, 1]."""
    return (maps.tanh() + 1) / 2


def new_pixel_generator(lab: Lab, shape: tuple[int, ...], latent: int, rng: Rng) -> PixelGenerator:
    """Return a generator with weights from the stream; one more model."""
    lab.meter.charge({"models": 1})
    with lent(rng):
        return PixelGenerator(shape, latent)


def ask_all(access: Access, images: Tensor) -> Tensor:
    """Return the victim's probabilities (N, C) of all images, none below `floor_of`.

    Raises:
        BudgetExceeded: the budget ends before the last of them.
    """
    answers = access.soft_answers(images)
    if len(answers) < len(images):
        raise BudgetExceeded("images_queried", len(answers), len(images))
    return answers.clamp_min(floor_of(access.grants, _LEAST))


@dataclass
class Clone:
    """A copy that learns batch by batch, on the meter.

    Attributes:
        lab: where it learns.
        model: the copy.
        optimiser: of its weights.
        loss: what it minimises.
        n_steps: made so far.
        known: batches of images and answers that are remembered.
    """

    lab: Lab
    model: Model
    optimiser: torch.optim.Optimizer
    loss: Loss
    n_steps: int = 0
    known: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def learn(self, images: Tensor, answers: Tensor) -> None:
        """Make one step on answered images."""
        n = len(images)
        self.lab.meter.charge({"steps": 1, "images_forward": n, "images_backward": n})
        compute = self.lab.compute
        compute.place(self.model).train()
        logits = self.model(compute.inputs(self.model, images))
        loss = self.loss(answers.to(logits.device), logits).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.model.eval()
        self.n_steps += 1

    def remember(self, images: Tensor, answers: Tensor) -> None:
        """Keep a batch, and the last few of them at most."""
        self.known = [*self.known, (images, answers)][-_REMEMBERED:]

    def replay(self, rng: Rng) -> None:
        """Make one step on a batch that is remembered."""
        chosen = int(rng.numpy().integers(len(self.known)))
        self.learn(*self.known[chosen])

    def disagreement(self, images: Tensor, answers: Tensor) -> Tensor:
        """Return the loss (N,) on answered images; the clone is asked in eval mode and float32."""
        return self.loss(answers, self.lab.float32.logits(self.model, images))


@dataclass(frozen=True)
class Differences:
    """How gradients are guessed: m directions, and mu, the length of a difference."""

    n_directions: int
    length: float


def guessed_gradient(
    access: Access, clone: Clone, maps: Tensor, answers: Tensor, how: Differences, rng: Rng
) -> Tensor:
    """Return an estimate of d disagreement / d maps (N, *shape) by forward differences.

    (d / m) sum_i (L(x + mu u_i) - L(x)) / mu * u_i over m random unit directions u_i of the d
    pixels. Source: Kariyappa et al., CVPR 2021, equation 7.

    Args:
        access: to the victim, which is asked about m * N images.
        clone: the copy.
        maps: before the tanh, (N, *shape).
        answers: the victim's probabilities for them, (N, C).
        how: directions and length.
        rng: of the directions.
    """
    here, total = clone.disagreement(shown(maps), answers), torch.zeros_like(maps)
    size, generator = maps[0].numel(), rng.torch()
    for _ in range(how.n_directions):
        drawn = torch.randn(len(maps), size, generator=generator)
        unit = F.normalize(drawn, dim=1).view_as(maps)
        moved = shown(maps + how.length * unit)
        there = clone.disagreement(moved, ask_all(access, moved))
        slope = (there - here) / how.length  # (N,)
        total += slope.view(-1, *[1] * (maps.dim() - 1)) * unit
    return total * size / how.n_directions
