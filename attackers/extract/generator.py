"""A generator of labelled images, and how it learns from a copy that it is to teach."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.game.sides.lab import Lab
from arena.world.global_rng import lent
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng

_WIDTH = 64  # channels before the last layer
_UPSAMPLING = 8  # from the first layer's output to the last one's, three doublings


class QueryGenerator(nn.Module):
    """Noise and a class in, an image out: four transposed convolutions, each but the last with BN.

    Rows of a table are images of one line.
    """

    def __init__(self, card: ModelCard, latent: int) -> None:
        super().__init__()
        self.latent, self.n_classes, self.shape = latent, card.n_classes, card.input_shape
        shape = card.input_shape if len(card.input_shape) == 3 else (1, 1, card.input_shape[0])
        channels, self.height, self.width = shape
        first = (-(-self.height // _UPSAMPLING), -(-self.width // _UPSAMPLING))
        widths = [4 * _WIDTH, 2 * _WIDTH, _WIDTH]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent + card.n_classes, widths[0], first)]
        for n_in, n_out in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(n_in), nn.ReLU(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Return images (B, *shape) in [0, 1] for noise (B, latent) and classes (B,)."""
        classes = F.one_hot(labels, self.n_classes).to(noise)
        maps: Tensor = self.body(torch.cat([noise, classes], 1)[:, :, None, None])
        image = (maps.tanh() + 1) / 2  # (B, C, H', W'), cut to size
        return image[:, :, : self.height, : self.width].reshape(-1, *self.shape)


@dataclass(frozen=True)
class Teaching:
    """How a generator learns: Adam's rate, steps, batch, and the weight of the spread."""

    lr: float
    n_steps: int
    batch: int
    spread: float


def new_generator(lab: Lab, card: ModelCard, latent: int, rng: Rng) -> QueryGenerator:
    """Return a generator with weights from the stream, on the lab's device; one more model."""
    lab.meter.charge({"models": 1})
    with lent(rng):
        return QueryGenerator(card, latent).to(lab.compute.device)


def spread_term(noise: tuple[Tensor, Tensor], images: tuple[Tensor, Tensor]) -> Tensor:
    """Return mean |z1 - z2| / |G(z1, l) - G(z2, l)|: it is small where images differ as noise does.

    Source: Yuan et al. 2022.
    """
    between_noise = (noise[0] - noise[1]).abs().mean(1)
    between_images = (images[0] - images[1]).flatten(1).abs().mean(1)
    return (between_noise / between_images.clamp_min(1e-5)).mean()


def train_generator(
    lab: Lab, generator: QueryGenerator, model: Model, how: Teaching, rng: Rng
) -> None:
    """Train a generator in place until the copy recognises the class in what it makes."""
    critic, device = lab.frozen(model), lab.compute.device
    adam = torch.optim.Adam(generator.parameters(), lr=how.lr)
    draws = rng.torch(device)
    generator.train()
    for _ in range(how.n_steps):
        lab.meter.charge({"steps": 1})
        shape = (2, how.batch, generator.latent)
        first, second = torch.randn(shape, generator=draws, device=device)
        labels = torch.randint(generator.n_classes, (how.batch,), generator=draws, device=device)
        images = generator(first, labels), generator(second, labels)
        loss = F.cross_entropy(critic(torch.cat(images)), torch.cat([labels, labels]))
        loss = loss + how.spread * spread_term((first, second), images)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()


@torch.no_grad()
def generated(lab: Lab, generator: QueryGenerator, n: int, rng: Rng) -> Tensor:
    """Return n images (n, *shape) in [0, 1] of random classes, on the CPU."""
    device = lab.compute.device
    draws = rng.torch(device)
    generator.eval()
    parts = []
    for chunk in lab.compute.chunks(n):
        size = chunk.stop - chunk.start
        noise = torch.randn(size, generator.latent, generator=draws, device=device)
        labels = torch.randint(generator.n_classes, (size,), generator=draws, device=device)
        parts.append(generator(noise, labels).clamp(0, 1).cpu())
    return torch.cat(parts)
