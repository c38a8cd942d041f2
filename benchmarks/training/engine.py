"""Training LeNet-5 on MNIST with augmentation: our engine against a DataLoader with per-image work.

    ARENA_DATA=<data> python -m benchmarks.training.engine [--device cuda]

Both train the same net with the same batch size, optimiser and augmentation on the same images; the
reference is what tutorials show: a Dataset that transforms one PIL image at a time, a DataLoader
with one worker for each core. Bar: >= 2 times the images a second at equal accuracy.
"""

from __future__ import annotations

import argparse
import os
import time

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from arena.world.compute import Compute
from arena.world.data import Dataset as Images
from arena.world.data import load
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe, Trainer
from benchmarks.common import bar, cache, heading, say

N_IMAGES, BATCH, EPOCHS = 12_000, 64, 3
CARD = ModelCard(
    architecture="lenet5", n_classes=10, input_shape=(1, 28, 28), mean=(0.1307,), std=(0.3081,)
)


class PerImage(Dataset[tuple[torch.Tensor, int]]):
    """One PIL image at a time, transformed on its own."""

    def __init__(self, data: Images) -> None:
        self.pictures = [to_pil_image(image) for image in data.images]
        self.labels = data.labels.tolist()
        self.transform = v2.Compose(
            [
                v2.RandomAffine(degrees=10, translate=(0.1, 0.1)),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[index]), self.labels[index]


def reference(model: Model, data: PerImage, device: str) -> float:
    """Train with the usual loop; return images a second."""
    workers = os.cpu_count() or 1
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=workers, persistent_workers=True)
    model.to(device).train()
    optimiser = torch.optim.Adam(model.parameters())
    iter(loader)  # the workers' start is not what is measured
    started = time.perf_counter()
    for _ in range(EPOCHS):
        for images, labels in loader:
            optimiser.zero_grad()
            F.cross_entropy(model(images.to(device)), labels.to(device)).backward()
            optimiser.step()
    return EPOCHS * len(data) / (time.perf_counter() - started)


def ours(model: Model, data: Images, compute: Compute) -> float:
    """Train with the engine; return images a second."""
    recipe = Recipe(epochs=EPOCHS, batch=BATCH, augment=Augment(rotation=10, shift=0.1))
    started = time.perf_counter()
    Trainer(compute).train(model, Examples.of(data), recipe, Rng(1))
    return EPOCHS * len(data) / (time.perf_counter() - started)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--device", default="cpu")
    device = arguments.parse_args().device
    if device == "cuda" and not torch.cuda.is_available():
        say("no GPU")
        return
    source = load("mnist", cache=cache())
    chosen = torch.randperm(len(source.train), generator=Rng(0).torch())[:N_IMAGES]
    data, compute = source.train.select(chosen), Compute.choose(device)
    heading(f"LeNet-5, {N_IMAGES} images, {EPOCHS} epochs, batch {BATCH}, on {device}", 3)
    pictures, ratios = PerImage(data), []
    for i in range(3):
        theirs, mine = build(CARD, Rng(i)), build(CARD, Rng(i))
        theirs_rate = reference(theirs, pictures, device)
        mine_rate = ours(mine, data, compute)
        test = source.test
        scores = [compute.accuracy(m, test.images, test.labels) for m in (theirs, mine)]
        ratios.append(mine_rate / theirs_rate)
        say(
            f"DataLoader {theirs_rate:,.0f} images/s, accuracy {scores[0]:.4f}; "
            f"engine {mine_rate:,.0f} images/s, accuracy {scores[1]:.4f}; ratio {ratios[-1]:.2f}"
        )
    bar("engine / DataLoader, images a second", sorted(ratios)[1], 2)


if __name__ == "__main__":
    main()
