"""CW on 1,000 images against its own forward and backward passes.

    python -m benchmarks.deepjudge.cw

The attack as DeepJudge plays it (torchattacks through the compute layer, 100 steps), LeNet-5,
beside as many forward and backward passes to the pixels through the same model on the same images,
which is the least it can cost. Bar: at most 5 times as long.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arena.world.compute import Compute
from arena.world.models import ModelCard, build
from arena.world.rng import Rng
from benchmarks.common import alternate_s, bar, heading, say
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe, adversarial

N_IMAGES, N_RUNS = 1000, 3
HOW = ExampleRecipe(method="cw")


def passes(view: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Do what every step of the attack cannot do without."""
    for _ in range(HOW.n_cw_steps):
        pixels = images.clone().requires_grad_(True)
        logits = view(pixels)
        torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), pixels)


def main() -> None:
    card = ModelCard(
        architecture="lenet5", n_classes=10, input_shape=(1, 28, 28), mean=(0.13,), std=(0.31,)
    )
    model, compute = build(card, Rng(0)), Compute()
    view = compute.frozen(model)
    images = torch.rand(N_IMAGES, 1, 28, 28, generator=Rng(1).torch())
    labels = compute.logits(model, images).argmax(1)
    heading(f"CW, {HOW.n_cw_steps} steps, {N_IMAGES} images, LeNet-5", N_RUNS)
    attack_s, passes_s = alternate_s(
        lambda: adversarial(view, images, labels, HOW, Rng(2)),
        lambda: passes(view, images, labels),
        N_RUNS,
    )
    say(f"attack {attack_s:.2f} s, its forward and backward passes {passes_s:.2f} s")
    bar("attack / passes", attack_s / passes_s, 5, at_least=False)


if __name__ == "__main__":
    main()
