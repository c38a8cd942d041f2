"""PRADA: what is kept of a client, whom the test of normality flags, what a flag costs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena import testing
from arena.game.serving.service import Service
from arena.game.sides.defense import Protected
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.serving.prada import Prada, PradaMonitor, Seen, watched
from tests.defenders.conftest import COMPUTE


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_distances_are_to_the_nearest_kept_image_of_the_class(seed: int, n_classes: int) -> None:
    """Oracle: the rule in words, with lists."""
    g = torch.Generator().manual_seed(seed)
    images = torch.rand(25, 4, generator=g)
    labels = torch.randint(n_classes, (25,), generator=g)
    kept: dict[int, list[Tensor]] = {}
    found: dict[int, list[float]] = {}
    for image, label in zip(images, labels.tolist(), strict=True):
        if label in kept:
            nearest = min(float((image - other).norm()) for other in kept[label])
            earlier = torch.tensor(found.get(label, []))
            usual = float(earlier.mean() - earlier.std(correction=0)) if len(earlier) else 0.0
            found.setdefault(label, []).append(nearest)
            if nearest > usual:
                kept[label].append(image)
        else:
            kept[label] = [image]
    seen = watched(Seen.nothing(4), images, labels)
    for label in kept:
        torch.testing.assert_close(seen.images[seen.classes == label], torch.stack(kept[label]))
        told = torch.tensor(found.get(label, []))
        torch.testing.assert_close(seen.distances[seen.of == label], told)


def test_what_is_kept_travels_as_tensors() -> None:
    g = Rng(0).torch()
    images, labels = torch.rand(30, 4, generator=g), torch.randint(3, (30,), generator=g)
    whole = watched(Seen.nothing(4), images, labels)
    half = watched(Seen.nothing(4), images[:13], labels[:13])
    again = watched(Seen.read(half.tensors(), 4), images[13:], labels[13:])
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, again.tensors()[name])


def test_few_queries_are_never_judged_and_equal_distances_never_natural() -> None:
    images = torch.rand(40, 2, generator=Rng(0).torch())
    few = watched(Seen.nothing(2), images, torch.zeros(40, dtype=torch.int64))
    assert few.naturalness() == 1.0
    steps = torch.arange(80.0)[:, None].expand(80, 2)
    assert watched(Seen.nothing(2), steps, torch.zeros(80, dtype=torch.int64)).naturalness() == 0.0


@pytest.fixture(scope="module")
def protected(task: Task, _trained: Model) -> Protected:
    world = testing.owner_task(task, _trained.copy())
    return Prada(n_points=20, n_clients=15).protect(world, Rng(0))


def service_of(protected: Protected) -> Service:
    """A monitor half-way between natural images, W of about 0.97, and grown ones, 0.74."""
    model, halfway = protected.model, PradaMonitor(threshold=0.87)
    return Service(lambda x: COMPUTE.probabilities(model, x), (halfway,), Rng(1))


def grown(images: Tensor) -> Tensor:
    """Images, each followed by three that lie one fixed step from it."""
    signs = torch.randint(0, 2, (3, *images.shape[1:]), generator=Rng(2).torch()) * 2.0 - 1
    return torch.cat([images, *(images + 0.1 * sign for sign in signs)])


def test_honest_clients_are_answered_and_those_who_make_images_up_are_misled(
    protected: Protected, task: Task
) -> None:
    natural = task.splits.thief.images[:300].float() / 255
    for asked, flagged in ((natural, False), (grown(natural[:75]), True)):
        service = service_of(protected)
        for part in asked.split(50):
            service.answer(part)
        probe = task.splits.probe.images[:40].float() / 255
        honest = COMPUTE.labels(protected.model, probe)
        answered = service.answer(probe).argmax(1)
        assert torch.equal(answered, (honest + 1) % 10 if flagged else honest)


def test_natural_images_look_more_natural_than_grown_ones(protected: Protected, task: Task) -> None:
    natural = task.splits.thief.images[:300].float() / 255
    found = []
    for asked in (natural, grown(natural[:75])):
        labels = COMPUTE.labels(protected.model, asked)
        found.append(watched(Seen.nothing(64), asked, labels).naturalness())
    assert found[0] > found[1] + 0.03
    (monitor,) = protected.serving
    assert isinstance(monitor, PradaMonitor)
    assert found[1] < monitor.threshold


def test_more_false_alarms_are_a_higher_threshold(task: Task, trained: Model) -> None:
    world = testing.owner_task(task, trained)
    few, many = (
        Prada(n_clients=10, n_asked=150, false_alarms=share).answers(world, Rng(0))
        for share in (0.0, 0.5)
    )
    assert isinstance(few, PradaMonitor)
    assert isinstance(many, PradaMonitor)
    assert few.threshold < many.threshold
