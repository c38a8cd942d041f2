"""Growing images for single neurons: bounds, frozen rows, and a loop as the oracle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.deepjudge.growth.neuron_function import ChainPath, NeuronFunction, WholePath, path_to
from defenders.deepjudge.growth.whitebox_tests import Growth, grow, reference_bounds
from defenders.deepjudge.scheme.metrics import neurons
from tests.defenders.conftest import COMPUTE

pytestmark = pytest.mark.long

SHAPE = (1, 9, 10)
LAYERS: dict[str, tuple[str, dict[str, object], str]] = {
    "first": ("cnn8", {}, "body.relu1"),
    "second": ("cnn8", {}, "body.relu2"),
    "behind a pool": ("cnn8", {}, "body.relu3"),
    "no norms": ("cnn8", {"norm": "none"}, "body.relu3"),
    "lenet": ("lenet5", {}, "body.relu2"),
    "lenet, norms": ("lenet5", {"norm": "batch"}, "body.relu2"),
    "a linear one": ("lenet5", {}, "body.relu3"),
    "behind convolutions": ("cnn8", {}, "body.relu4"),
    "perceptron": ("mlp", {"hidden": (12, 6)}, "body.relu2"),
}
CHAINS = {"first", "second", "behind a pool", "no norms", "lenet", "lenet, norms"}


def model_of(architecture: str, arguments: dict[str, object]) -> Model:
    """An untrained model whose normalisations have seen something."""
    card = ModelCard(
        architecture=architecture,
        arguments=arguments,
        n_classes=4,
        input_shape=SHAPE,
        mean=(0.3,),
        std=(0.4,),
    )
    model, g = build(card, Rng(0)), torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            n = module.num_features
            with torch.no_grad():
                module.running_mean = torch.randn(n, generator=g)
                module.running_var = 0.5 + torch.rand(n, generator=g)
                module.weight.copy_(torch.randn(n, generator=g))
                module.bias.copy_(torch.randn(n, generator=g))
    return model.eval()


def images(n: int) -> Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", LAYERS)
def test_a_path_is_what_the_model_puts_out_there(name: str) -> None:
    architecture, arguments, layer = LAYERS[name]
    model = model_of(architecture, arguments)
    path = path_to(model, layer, COMPUTE)
    assert isinstance(path, ChainPath) is (name in CHAINS)
    shown = images(40)
    outputs = COMPUTE.activations(model, shown, [layer], neurons)[layer]  # (40, N)
    wanted = torch.arange(40).mul(outputs.shape[1]).div(40, rounding_mode="floor")  # ascending
    found = path(shown.movedim(0, -1).contiguous(), wanted)
    assert torch.allclose(found, outputs.gather(1, wanted[:, None])[:, 0], atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_a_path_climbs_where_the_model_climbs(name: str) -> None:
    architecture, arguments, layer = LAYERS[name]
    model = model_of(architecture, arguments)
    shown, wanted = images(6), torch.tensor([0, 0, 1, 2, 2, 5])

    def slope(path: NeuronFunction) -> Tensor:
        last = shown.movedim(0, -1).contiguous().requires_grad_(True)
        (found,) = torch.autograd.grad(path(last, wanted).sum(), last)
        return found.movedim(-1, 0)

    outputs: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: outputs.append(o))
    plain = shown.clone().requires_grad_(True)
    model(plain)
    handle.remove()
    picked = neurons(outputs[0]).gather(1, wanted[:, None]).sum()
    (oracle,) = torch.autograd.grad(picked, plain)
    assert torch.allclose(slope(path_to(model, layer, COMPUTE)), oracle, atol=1e-5)


def test_a_path_to_no_layer_names_those_that_there_are() -> None:
    with pytest.raises(NotComparable, match=r"'body\.relu9'.*body\.relu1"):
        path_to(model_of("cnn8", {}), "body.relu9", COMPUTE)


def test_an_own_path_stops_at_the_layer() -> None:
    model = model_of("mlp", {"hidden": (5, 4)})
    path = path_to(model, "body.relu1", COMPUTE)
    assert isinstance(path, WholePath)
    assert path.view(images(3)).shape == (3, 5)


def test_bounds_are_a_multiple_of_the_largest_output_on_the_references(
    victim: Model, pool: Examples
) -> None:
    outputs = COMPUTE.activations(victim, pool.images, ["body.relu2"])["body.relu2"]
    largest = outputs.double().numpy().mean(axis=(2, 3)).max(axis=0)
    found = reference_bounds(victim, "body.relu2", pool.images, 3.0, COMPUTE)
    assert found.tolist() == pytest.approx((3 * largest).tolist(), rel=1e-5)


class Sum:
    """A path whose neurons are w * (sum of the pixels) - 1, of no model at all."""

    def __init__(self, *weights: float) -> None:
        self.weights, self.seen = torch.tensor(weights), 0

    def __call__(self, images: Tensor, wanted: Tensor) -> Tensor:
        assert torch.equal(wanted, wanted.sort().values)
        self.seen = max(self.seen, images.shape[-1])
        return self.weights[wanted] * images.flatten(0, -2).sum(0) - 1


def by_hand(climb: Callable[[Tensor], Tensor], seed: Tensor, bound: float, how: Growth) -> Tensor:
    """One seed, one neuron, torch's own Adam: what the vectorised growth must find. NaN: none."""
    image = seed.clone().requires_grad_(True)
    adam = torch.optim.Adam([image], lr=how.lr)
    for _ in range(how.n_steps + 1):
        output = climb(image)
        if output.item() > bound * (1 + 1e-5):
            return image.detach()
        adam.zero_grad()
        (-output).backward()
        adam.step()
    return torch.full_like(seed, torch.nan)


@pytest.mark.parametrize("chunk", [1, 3, 128])
@pytest.mark.parametrize("layer", ["body.relu1", "body.relu4"])
def test_tests_are_those_of_a_loop_over_seeds_and_neurons(
    victim: Model, seeds: Examples, layer: str, chunk: int
) -> None:
    """Also says that a row that has arrived is frozen, and that neither order nor chunk matters."""
    how = Growth(n_steps=60, chunk=chunk, lr=0.02)
    few = seeds.images[:2].contiguous()
    bounds = reference_bounds(victim, layer, few, 1.5, COMPUTE)[:5]
    path = path_to(victim, layer, COMPUTE)
    found = grow(path, few, bounds, how)
    made = {
        (int(n), int(s)): x for n, s, x in zip(found.neuron, found.seed, found.images, strict=True)
    }
    assert made
    for i, bound in enumerate(bounds.tolist()):
        for s in range(2):

            def climb(image: Tensor, i: int = i) -> Tensor:
                return path(image[..., None], torch.tensor([i]))[0]

            loop = by_hand(climb, few[s], bound, how) if bound > 0 else few[s] * torch.nan
            assert ((i, s) in made) is not bool(loop.isnan().any())
            if (i, s) in made:
                assert torch.allclose(made[i, s], loop, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_every_test_exceeds_its_neurons_bound_on_the_model_itself(name: str) -> None:
    """Chen et al., S&P 2022: phi(x) > m * the largest reference output, whatever the path adds."""
    architecture, arguments, layer = LAYERS[name]
    model = model_of(architecture, arguments)
    bounds = reference_bounds(model, layer, images(30), 3.0, COMPUTE)
    found = grow(path_to(model, layer, COMPUTE), images(3), bounds, Growth(n_steps=120, lr=0.1))
    outputs = COMPUTE.activations(model, found.images, [layer], neurons)[layer]
    own = outputs.gather(1, found.neuron[:, None])[:, 0]
    assert len(found.images) > 3
    assert bool((own > bounds[found.neuron]).all())


def test_tests_come_by_neuron_then_seed() -> None:
    found = grow(Sum(1, 5, 2), images(4), torch.ones(3) * 90, Growth(n_steps=400, chunk=5))
    order = [(int(n), int(s)) for n, s in zip(found.neuron, found.seed, strict=True)]
    assert order == sorted(order)
    assert len(set(order)) == 12


def test_a_dead_neuron_is_reported_and_a_stubborn_one_has_no_tests() -> None:
    bounds = torch.tensor([50.0, 0.0, 1e9])
    found = grow(Sum(1, 1, 1), images(2), bounds, Growth(n_steps=100))
    assert found.dead == (1,)
    assert set(found.neuron.tolist()) == {0}


def test_nothing_grows_from_nothing() -> None:
    none = grow(Sum(1), images(0), torch.ones(1), Growth())
    dead = grow(Sum(1), images(3), torch.zeros(1), Growth())
    for found in (none, dead):
        assert found.images.shape == (0, *SHAPE)
        assert len(found.neuron) == len(found.seed) == found.n_steps == 0


def test_a_seed_that_is_past_the_bound_is_its_own_test_and_seeds_stay_as_they_are() -> None:
    seeds = images(3)
    before = seeds.clone()
    found = grow(Sum(1), seeds, torch.tensor([0.5]), Growth())
    assert torch.equal(found.images, before)
    grow(Sum(1), seeds, torch.tensor([60.0]), Growth())
    assert torch.equal(seeds, before)


@pytest.mark.parametrize(("n_steps", "found"), [(9, 0), (10, 1)])
def test_no_more_steps_are_made_than_were_granted(n_steps: int, found: int) -> None:
    """Each of Adam's first steps is lr wide, so the sum of 90 pixels grows by 0.9 a step."""
    seed = torch.zeros(1, *SHAPE)
    grown = grow(Sum(1), seed, torch.tensor([9.5 * 0.9 - 1]), Growth(n_steps=n_steps))
    assert len(grown.images) == found


def test_memory_is_bounded_by_the_chunk_and_progress_ends_at_all_pairs() -> None:
    path, told = Sum(1, 2), list[tuple[int, int]]()
    bounds = torch.tensor([60.0, 60.0])
    grow(path, images(10), bounds, Growth(chunk=4), lambda done, all_: told.append((done, all_)))
    assert path.seen <= 4
    assert told[-1] == (20, 20)
    assert all(0 <= done <= 20 for done, _ in told)


def test_tests_are_not_clipped_to_pixels(victim: Model, seeds: Examples) -> None:
    bounds = reference_bounds(victim, "body.relu2", seeds.images, 3.0, COMPUTE)
    path = path_to(victim, "body.relu2", Compute())
    found = grow(path, seeds.images[:2].contiguous(), bounds, Growth(n_steps=100, lr=0.03))
    assert float(found.images.max()) > 1
