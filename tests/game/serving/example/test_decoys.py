"""The test row of the worked example."""

import torch

from arena.game.serving import Service
from arena.world.rng import Rng
from tests.game.serving.example.decoys import DecoyAnswers


def test_every_nth_answer_is_a_decoy_however_the_questions_are_cut() -> None:
    images, wrapper = torch.rand(24, 1, 8, 8), DecoyAnswers(every=4)
    services = [Service(lambda x: torch.ones(len(x), 3), (wrapper,), Rng(0)) for _ in range(2)]
    whole = services[0].answer(images)
    parts = torch.cat([services[1].answer(part) for part in images.split(5)])
    assert torch.equal(whole, parts)
    assert int((whole.sum(1) == 1).sum()) == 6
