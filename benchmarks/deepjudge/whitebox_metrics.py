"""NOD, NAD, LOD and LAD of every hidden layer on 1,000 tests, LeNet-5.

    python -m benchmarks.deepjudge.whitebox_metrics

Measured as the judge measures a suspect: one forward pass of the victim and one of the suspect,
which are counted. Bar: at most 0.3 s.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from benchmarks.common import bar, heading, median_s, say
from defenders.deepjudge.case import Case
from defenders.deepjudge.scheme.tests import Tests

N_TESTS, N_NEURONS, N_RUNS = 1000, 16, 9
LAYER = "body.relu2"


def counted(model: Model) -> list[int]:
    """Return a list that grows by the images of every forward pass of the first layer."""
    seen: list[int] = []

    def note(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        seen.append(len(inputs[0]))

    model.get_submodule("body.conv1").register_forward_hook(note)
    return seen


def main() -> None:
    card = ModelCard(
        architecture="lenet5", n_classes=10, input_shape=(1, 28, 28), mean=(0.13,), std=(0.31,)
    )
    victim, other, compute = build(card, Rng(0)), build(card, Rng(1)), Compute()
    draw = Rng(2).torch()
    images = torch.rand(N_TESTS, 1, 28, 28, generator=draw)
    number = torch.arange(N_TESTS)
    none = Tests(images[:0], number[:0], number[:0], number[:0])
    tests = Tests(images, number % 10, number // N_NEURONS, number % N_NEURONS)
    case = Case(victim, none, tests, LAYER)
    suspect = Suspect.bare(other, compute, "weights")
    heading(f"white-box distances of all hidden layers, {N_TESTS} tests, LeNet-5", N_RUNS)
    seconds = median_s(lambda: case.measure(suspect, "weights"), N_RUNS)
    measured = case.measure(suspect, "weights")
    say(f"{len(measured.layers)} layers: {', '.join(measured.layers)}")
    bar("seconds", seconds, 0.3, at_least=False)
    passes = {"victim": counted(victim), "suspect": counted(other)}
    case.measure(Suspect.bare(other, compute, "weights"), "weights")
    for name, seen in passes.items():
        say(f"images through the {name}'s first layer: {sum(seen)}")


if __name__ == "__main__":
    main()
