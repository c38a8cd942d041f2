"""The six distances: bounds, symmetry, zero on itself, and independent oracles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import hamming, jensenshannon, minkowski
from torch import Tensor

from defenders.deepjudge.scheme import metrics
from defenders.deepjudge.scheme.metrics import (
    active,
    jensen_shannon,
    layer_activation_distance,
    layer_output_distance,
    neuron_activation_distance,
    neuron_output_distance,
    neurons,
    robustness,
    robustness_distance,
    whitebox_distances,
)

seeds = st.integers(0, 10**6)
sizes = st.tuples(st.integers(1, 12), st.integers(1, 9))  # tests, classes or neurons
Distance = Callable[[Tensor, Tensor], float]
WHITEBOX: dict[str, Distance] = {
    "NOD": neuron_output_distance,
    "NAD": neuron_activation_distance,
    "LOD": layer_output_distance,
    "LAD": layer_activation_distance,
}


def outputs(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Two models' neurons (T, N) after a ReLU, and the neuron of each test (T,)."""
    g = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(size, generator=g).relu() for _ in range(2))
    return a, b, torch.randint(size[1], (size[0],), generator=g)


def answers(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Two models' probabilities (T, C), from flat to almost certain."""
    g = torch.Generator().manual_seed(seed)
    sharpness = 10 ** (2 * torch.rand(2, size[0], 1, generator=g))
    p, q = (torch.randn((2, *size), generator=g) * sharpness).softmax(2)
    return p, q


@given(seeds, sizes)
def test_robd_is_a_symmetric_difference_of_shares(seed: int, size: tuple[int, int]) -> None:
    g = torch.Generator().manual_seed(seed)
    mine, theirs, truth = torch.randint(size[1], (3, size[0]), generator=g)
    found = robustness_distance(mine, theirs, truth)
    assert found == robustness_distance(theirs, mine, truth)
    assert 0 <= found <= 1
    assert robustness_distance(mine, mine, truth) == 0
    assert robustness(truth, truth) == 1


def test_robd_of_a_victim_that_all_tests_fool_is_rob_of_the_suspect() -> None:
    truth, fooled = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 0])
    suspect = torch.tensor([0, 1, 2, 0])
    assert robustness_distance(suspect, fooled, truth) == robustness(suspect, truth) == 0.75


@given(seeds, sizes)
def test_jsd_is_scipys_distance_squared(seed: int, size: tuple[int, int]) -> None:
    p, q = answers(seed, size)
    oracle = np.mean(jensenshannon(p.double().numpy(), q.double().numpy(), axis=1) ** 2)
    assert jensen_shannon(p, q) == pytest.approx(float(oracle), abs=1e-9)


@given(seeds, sizes)
def test_jsd_is_symmetric_bounded_and_zero_on_itself(seed: int, size: tuple[int, int]) -> None:
    p, q = answers(seed, size)
    assert jensen_shannon(p, q) == jensen_shannon(q, p)
    assert 0 <= jensen_shannon(p, q) <= math.log(2) + 1e-12
    assert jensen_shannon(p, p) == 0


@given(st.integers(2, 20), seeds)
def test_jsd_of_answers_without_a_common_class_is_ln_2(n_classes: int, seed: int) -> None:
    first = torch.randint(n_classes, (5,), generator=torch.Generator().manual_seed(seed))
    p, q = (
        torch.nn.functional.one_hot(k % n_classes, n_classes).float() for k in (first, first + 1)
    )
    assert jensen_shannon(p, q) == pytest.approx(0.693147, abs=1e-6)


@given(seeds, sizes, st.floats(0.1, 1000))
def test_jsd_compares_proportions(seed: int, size: tuple[int, int], factor: float) -> None:
    """A suspect that scales or rounds its answers does not leave the range of the metric."""
    p, q = answers(seed, size)
    assert jensen_shannon(factor * p, q) == pytest.approx(jensen_shannon(p, q), abs=1e-6)
    assert jensen_shannon((10 * p).ceil(), q) <= math.log(2) + 1e-12


def test_jsd_without_an_answer_is_no_number() -> None:
    assert math.isnan(jensen_shannon(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])))


@pytest.mark.parametrize("name", WHITEBOX)
@given(seeds, sizes)
def test_hidden_distances_are_symmetric_and_zero_on_itself(
    name: str, seed: int, size: tuple[int, int]
) -> None:
    distance, (a, b, _) = WHITEBOX[name], outputs(seed, size)
    assert distance(a, b) == distance(b, a)
    assert distance(a, b) >= 0
    assert distance(a, a) == 0


@given(seeds, sizes)
def test_shares_of_neurons_are_in_0_1(seed: int, size: tuple[int, int]) -> None:
    a, b, own = outputs(seed, size)
    found = whitebox_distances(a, b, own)
    assert set(found) == set(WHITEBOX) == set(metrics.WHITEBOX)
    assert 0 <= found["NAD"] <= 1
    assert 0 <= found["LAD"] <= 1


@given(seeds, sizes)
def test_nod_is_a_mean_over_each_neurons_own_tests(seed: int, size: tuple[int, int]) -> None:
    a, b, own = outputs(seed, size)
    pairs = [(float(a[t, i]), float(b[t, i])) for t, i in enumerate(own.tolist())]
    oracle = sum(abs(x - y) for x, y in pairs) / len(pairs)
    assert neuron_output_distance(a, b, own) == pytest.approx(oracle, rel=1e-6)
    assert neuron_output_distance(a, b) == pytest.approx(float((a - b).abs().mean()), rel=1e-5)


def test_ragged_tests_weigh_by_their_number() -> None:
    """Three tests of neuron 0 and one of neuron 1: a mean over tests, not a mean of two means."""
    a, own = torch.zeros(4, 2), torch.tensor([0, 0, 0, 1])
    b = torch.tensor([[1.0, 7.0], [1.0, 7.0], [1.0, 7.0], [7.0, 5.0]])
    assert neuron_output_distance(a, b, own) == (3 * 1 + 1 * 5) / 4


def test_a_neuron_without_tests_of_its_own_says_nothing() -> None:
    a, b = torch.zeros(2, 3), torch.tensor([[1.0, 0.0, 99.0], [0.0, 3.0, 99.0]])
    assert neuron_output_distance(a, b, torch.tensor([0, 1])) == 2.0


@given(seeds, sizes)
def test_nad_counts_disagreements_of_own_neurons(seed: int, size: tuple[int, int]) -> None:
    a, b, own = outputs(seed, size)

    def on(rows: Tensor, t: int, i: int) -> bool:
        row = rows[t].double().numpy()
        return bool((row[i] - row.min()) / (row.max() - row.min() + 1e-6) > 0.5)

    oracle = [on(a, t, i) != on(b, t, i) for t, i in enumerate(own.tolist())]
    assert neuron_activation_distance(a, b, own) == pytest.approx(sum(oracle) / len(oracle))


@given(seeds, sizes, st.sampled_from([1.0, 2.0, 3.0]))
def test_lod_is_scipys_minkowski_distance(seed: int, size: tuple[int, int], p: float) -> None:
    a, b, _ = outputs(seed, size)
    oracle = np.mean([minkowski(x, y, p) for x, y in zip(a.numpy(), b.numpy(), strict=True)])
    assert layer_output_distance(a, b, p) == pytest.approx(float(oracle), rel=1e-5)


@given(seeds, sizes)
def test_lad_is_scipys_hamming_distance_of_active_neurons(seed: int, size: tuple[int, int]) -> None:
    a, b, _ = outputs(seed, size)
    rows = zip(active(a).numpy(), active(b).numpy(), strict=True)
    oracle = np.mean([hamming(x, y) for x, y in rows])
    assert layer_activation_distance(a, b) == pytest.approx(float(oracle))


@given(seeds, sizes)
def test_lad_is_the_mean_of_each_neurons_nad(seed: int, size: tuple[int, int]) -> None:
    """The lecture's definition: LAD = sum of NAD_i / N, every test for every neuron."""
    a, b, _ = outputs(seed, size)
    each = [neuron_activation_distance(a, b, torch.full((size[0],), i)) for i in range(size[1])]
    assert layer_activation_distance(a, b) == pytest.approx(sum(each) / size[1])


@given(seeds, sizes)
def test_the_repositorys_scale_is_n_times_the_lectures(seed: int, size: tuple[int, int]) -> None:
    a, b, own = outputs(seed, size)
    n = size[1]
    nad = neuron_activation_distance(a, b, own, scale="repository")
    assert nad == pytest.approx(n * neuron_activation_distance(a, b, own))
    lad = layer_activation_distance(a, b, scale="repository")
    assert lad == pytest.approx(n * layer_activation_distance(a, b))
    assert lad == pytest.approx(float((active(a) != active(b)).sum(1).double().mean()))


@given(seeds, sizes)
def test_a_convolutions_neuron_is_its_channels_mean_over_places(
    seed: int, size: tuple[int, int]
) -> None:
    """Height and width differ from the channels, so an axis taken for another would show."""
    g = torch.Generator().manual_seed(seed)
    maps = torch.randn(*size, 5, 3, generator=g)
    oracle = maps.double().numpy().mean(axis=(2, 3))
    assert neurons(maps).shape == size
    assert np.allclose(neurons(maps).numpy(), oracle, atol=1e-6)


def test_neurons_of_sequences_and_rows() -> None:
    sequence = torch.arange(12.0).reshape(2, 3, 2)  # (T, S, N)
    assert torch.equal(neurons(sequence), sequence.mean(1))
    assert torch.equal(neurons(sequence[:, 0]), sequence[:, 0])


def test_in_a_silent_layer_no_neuron_is_active() -> None:
    assert not active(torch.zeros(2, 3)).any()
    assert not active(torch.full((2, 3), 4.0)).any()
    assert active(torch.tensor([[0.0, 2.0, 4.0]]), threshold=0.4).tolist() == [[False, True, True]]


@given(seeds, sizes, st.floats(0.5, 100))
def test_activity_is_relative_to_the_layers_range(
    seed: int, size: tuple[int, int], factor: float
) -> None:
    """Scaling a whole layer moves NOD and LOD, not which neurons are in its upper half."""
    a, _, _ = outputs(seed, size)
    away = ((a - a.amin(1, keepdim=True)) / (a.amax(1, keepdim=True) + 1e-6) - 0.5).abs() > 1e-3
    assert torch.equal(active(a)[away], active(factor * a)[away])
