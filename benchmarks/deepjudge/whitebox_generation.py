"""White-box tests of DeepJudge: all seeds and neurons at once against one pair at a time.

    python -m benchmarks.deepjudge.whitebox_generation [--threads 1]

LeNet-5, second convolution, 100 seeds x 16 neurons, m = 3. The reference grows one test after the
other in plain torch: Adam on one image, forward up to the layer only, weights without gradients.
It is timed on a sample, one pair for each neuron, in turns with whole generations. Bars: >= 40
times faster a test; the same tests.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import torch
from torch import Tensor, nn

from arena.world.compute import Compute
from arena.world.data import load
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe, Trainer
from benchmarks.common import bar, heading, say
from defenders.deepjudge.growth.neuron_function import path_to
from defenders.deepjudge.growth.seeds import most_certain
from defenders.deepjudge.growth.whitebox_tests import Grown, Growth, grow, reference_bounds

LAYER, N_SEEDS, N_TURNS = "body.relu2", 100, 5
HOW = Growth()


def victim(compute: Compute) -> tuple[Model, Tensor]:
    """Return a LeNet-5 that was trained for a moment, and its most certain seeds."""
    source = load("shapes")
    card = ModelCard(
        architecture="lenet5", n_classes=10, input_shape=(1, 28, 28), mean=(0.5,), std=(0.3,)
    )
    model = build(card, Rng(0))
    Trainer(compute).train(model, Examples.of(source.train), Recipe(epochs=2), Rng(1))
    answers = compute.probabilities(model, source.test.images)
    chosen = most_certain(answers, source.test.labels, N_SEEDS)
    return model, source.test.images[chosen].float() / 255


def one_at_a_time(prefix: nn.Module, seed: Tensor, neuron: int, bound: float) -> tuple[Tensor, int]:
    """Return the test of one pair and the number of steps, as the definition reads."""
    image = seed[None].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([image], lr=HOW.lr)
    for step in range(HOW.n_steps):
        output = prefix(image)[0, neuron].mean()
        if output.item() > bound:
            return image.detach()[0], step
        optimiser.zero_grad()
        (-output).backward()
        optimiser.step()
    return image.detach()[0], HOW.n_steps


def sampled(
    prefix: nn.Module, seeds: Tensor, bounds: Tensor
) -> tuple[dict[int, Tensor], float, int]:
    """Grow one test for each neuron; return them by pair, seconds a test, and steps in all."""
    tests, n_steps, started = {}, 0, time.perf_counter()
    for neuron in range(len(bounds)):
        index = neuron * 5 % len(seeds)
        image, made = one_at_a_time(prefix, seeds[index], neuron, float(bounds[neuron]))
        tests[neuron * len(seeds) + index] = image
        n_steps += made
    return tests, (time.perf_counter() - started) / len(bounds), n_steps


def difference(reference: dict[int, Tensor], ours: Grown, n_seeds: int) -> list[float]:
    """Return the mean absolute difference of a pixel for each test that both found."""
    found = {
        int(n * n_seeds + s): i for i, (n, s) in enumerate(zip(ours.neuron, ours.seed, strict=True))
    }
    return [
        float((image - ours.images[found[pair]]).abs().mean())
        for pair, image in reference.items()
        if pair in found
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    compute = Compute()
    model, seeds = victim(compute)
    bounds = reference_bounds(model, LAYER, seeds, HOW.factor, compute)
    prefix = nn.Sequential(model.normalise, *list(model.body.children())[:5]).requires_grad_(False)
    heading(f"White-box tests, {N_SEEDS} seeds x {len(bounds)} neurons", N_TURNS)
    say(f"{torch.get_num_threads()} threads")
    path = path_to(model, LAYER, compute)
    ratios, step_ratios, one, many = [], [], [], []
    for turn in range(N_TURNS + 1):
        reference, one_s, n_reference = sampled(prefix, seeds, bounds)
        started = time.perf_counter()
        ours = grow(path, seeds, bounds, HOW)
        many_s = (time.perf_counter() - started) / (len(ours.images) or 1)
        if turn:  # the first warms up
            one.append(one_s)
            many.append(many_s)
            ratios.append(one_s / many_s)
            per_step = one_s * len(bounds) / n_reference
            step_ratios.append(per_step / (many_s * len(ours.images) / ours.n_steps))
    gaps = difference(reference, ours, len(seeds))
    n_tests, one_ms = len(ours.images), statistics.median(one) * 1e3
    say(f"one at a time {one_ms:.1f} ms a test ({n_reference / len(bounds):.0f} steps), "
        f"batched {statistics.median(many) * 1e3:.2f} ms a test "
        f"({ours.n_steps / n_tests:.0f} steps)")  # fmt: skip
    say(f"{len(ours.images)} tests, {len(ours.dead)} dead neurons, largest memory of the process "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB")  # fmt: skip
    say(
        f"mean difference of a pixel: median {statistics.median(gaps):.1e}, largest {max(gaps):.1e}"
    )
    say(f"ratio of times a step: {statistics.median(step_ratios):.1f}")
    bar("one at a time / batched, seconds a test", statistics.median(ratios), 40)


if __name__ == "__main__":
    main()
