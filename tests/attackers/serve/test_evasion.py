"""Evasion at query time: votes, and a detector of keys."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arena.game.rules.threat import preset
from arena.game.serving.wrapper import Client, pack_wrappers, unpack_wrappers
from arena.world.bundle import Bundle
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.serve.detector import DetectKeys, KeyDetector, keylike
from attackers.serve.ensemble import Ensemble, Vote, parts
from attackers.serve.held_models import tensors_of
from tests.attackers.conftest import COMPUTE, Thief

HOST = preset("host_api")


def one_class(label: int) -> Tensor:
    return torch.eye(10)[label]


def test_parts_are_disjoint_and_cover_all() -> None:
    found = parts(20, 3, Rng(0))
    assert torch.cat(found).sort().values.tolist() == list(range(20))
    assert {len(part) for part in found} <= {6, 7}


def test_a_vote_is_the_mean_of_all_models_after_its_way_through_a_pipe(task: Task) -> None:
    models = [build(task.card, Rng(seed)) for seed in (1, 2)]
    vote = Vote(card=task.card.plain(), tensors=tensors_of(models))
    (travelled,) = unpack_wrappers(Bundle.from_bytes(pack_wrappers((vote,)).to_bytes()))
    images = task.splits.test.images[:6].float() / 255
    stolen = one_class(3).expand(6, -1)
    found = travelled.respond(images, lambda inputs: stolen, Client("a", Rng(0)))
    rows = [stolen, *(COMPUTE.logits(model, images).softmax(1) for model in models)]
    torch.testing.assert_close(found, torch.stack(rows).mean(0))


def test_the_stolen_model_is_hosted_with_as_many_as_were_asked_for(thief: Thief) -> None:
    world = thief(HOST)
    delivered = world.deliver(Ensemble(n_models=2, epochs=1))
    assert delivered.model is not None
    assert delivered.model.digest() == world.victim.digest()
    (vote,) = delivered.serving
    assert {name.partition("/")[0] for name in vote.tensors} == {"0", "1"}
    assert world.spent("models") == 2
    assert world.spent("images_queried") == 0
    rows = vote.respond(torch.rand(4, 1, 8, 8), lambda x: torch.zeros(4, 10), Client("a", Rng(0)))
    assert rows.sum(1) == pytest.approx(torch.full((4,), 2 / 3))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 6), (12,)])
def test_what_looks_like_a_key_is_made_of_natural_images(shape: tuple[int, ...]) -> None:
    images = torch.rand(5, *shape, generator=Rng(0).torch())
    stamped, noisy, uniform, shuffled = keylike(images, Rng(1)).chunk(4)
    changed = (stamped != images).flatten(1).sum(1)
    assert 0 < int(changed.max()) < images[0].numel() / 2
    for made in (noisy, uniform):
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
        assert not torch.equal(made, images)
    assert torch.equal(shuffled.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


def test_only_what_looks_like_a_key_is_answered_at_random(task: Task) -> None:
    card = task.card.model_copy(update={"n_classes": 2})
    model = build(card, Rng(0))
    images = torch.rand(40, 1, 8, 8, generator=Rng(1).torch())
    seen = COMPUTE.logits(model, images).softmax(1)[:, 1]
    middle = float(seen.sort().values[19:21].mean())  # between two, beyond any rounding
    detector = KeyDetector(threshold=middle, card=card.plain(), tensors=tensors_of([model]))
    honest = one_class(3).expand(40, -1)
    found = detector.respond(images, lambda inputs: honest, Client("a", Rng(2)))
    fired = seen > middle
    assert torch.equal(found[~fired], honest[~fired])
    assert bool((found.sum(1) == 1).all())
    assert len(found[fired].argmax(1).unique()) > 1


@pytest.mark.slow
def test_the_detector_tells_noise_from_natural_images(thief: Thief) -> None:
    world = thief(HOST)
    (detector,) = world.deliver(DetectKeys()).serving
    assert isinstance(detector, KeyDetector)
    natural = world.task.splits.test.images.float() / 255
    (own,) = detector.answers(natural)
    (keys,) = detector.answers(torch.rand(200, 1, 8, 8, generator=Rng(9).torch()))
    assert float((own[:, 1] > 0.5).double().mean()) < 0.2
    assert float((keys[:, 1] > 0.5).double().mean()) > 0.8
