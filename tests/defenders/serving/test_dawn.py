"""DAWN: which answers are altered, how, for whom, and what a verdict on them says."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from arena.game.court.statistics import binomial_tail
from arena.game.rules.keys import Key
from arena.game.serving.query_log import QueryLog
from arena.game.serving.service import Service
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.serving.dawn import Dawn, DawnAnswers, tags

N_CLASSES = 10


def images(n: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (n, 1, 8, 8), generator=Rng(seed).torch()).to(torch.uint8)


def bare(inputs: Tensor) -> Tensor:
    """Answer by the pixels: rows of probabilities."""
    return (inputs.flatten(1)[:, :N_CLASSES] * 20).softmax(1)


def service(rng: Rng | None = None, **settings: float) -> Service:
    wrapper = DawnAnswers(secret="ab" * 32, **settings)  # type: ignore[arg-type]
    return Service(bare, (wrapper,), rng or Rng(3))


def altered(asked: Tensor, answers: Tensor) -> Tensor:
    return answers.argmax(1) != bare(asked.float() / 255).argmax(1)


def test_about_the_rate_of_answers_is_wrong_and_the_rest_untouched() -> None:
    asked = images(2000)
    answers = service(rate=0.1, budget=2000).answer(asked)
    wrong = altered(asked, answers)
    assert 140 <= int(wrong.sum()) <= 260  # Bin(2000, .1): six standard deviations are 80
    assert torch.equal(answers[~wrong], bare(asked[~wrong].float() / 255))


def test_an_altered_row_holds_the_same_numbers_in_another_order() -> None:
    asked = images(400)
    answers, true = service(rate=0.2).answer(asked), bare(asked.float() / 255)
    wrong = altered(asked, answers)
    torch.testing.assert_close(answers[wrong].sort(1).values, true[wrong].sort(1).values)


def test_the_same_image_is_always_answered_in_the_same_way() -> None:
    asked, client = images(300), service(rate=0.2, budget=20)
    first = client.answer(asked)
    assert torch.equal(client.answer(asked), first)
    assert torch.equal(client.answer(asked.float() / 255), first)
    assert torch.equal(client.answer(asked.flip(0)), first.flip(0))


def test_every_pixel_counts() -> None:
    one = images(1)
    others = one.repeat(64, 1, 1, 1)
    for pixel in range(64):
        others.flatten(1)[pixel, pixel] ^= 1
    assert len(set(tags("ab", torch.cat([one, others])))) == 65


def test_floats_that_round_to_the_same_pixels_are_the_same_image() -> None:
    floats = images(5).float() / 255
    assert tags("ab", floats) == tags("ab", images(5)) == tags("ab", floats + 0.4 / 255)


def test_the_budget_is_each_clients_own() -> None:
    asked = images(600)
    for name in ("one", "two"):
        answers = service(Rng(3).child(name), rate=0.2, budget=7).answer(asked)
        assert int(altered(asked, answers).sum()) == 7


KEY = Key("dawn", "ab" * 32, {"rate": 0.2, "budget": 20, "n_classes": N_CLASSES})


def logged(n_calls: int = 3, labels: bool = False) -> QueryLog:
    log, client = QueryLog(), service(rate=0.2, budget=20)
    for i in range(n_calls):
        answers = client.answer(images(40, i))
        log.write(client.client, images(40, i), answers.argmax(1) if labels else answers)
    return log


@pytest.mark.parametrize("labels", [False, True])
def test_the_log_gives_exactly_what_was_altered(labels: bool) -> None:
    key = Dawn(rate=0.2, budget=20).evidence(KEY, logged(8, labels))  # Bin(320, .2) is above 20
    asked, given = key.evidence["images"], key.evidence["labels"]
    assert len(asked) == 20
    assert bool((bare(asked.float() / 255).argmax(1) != given).all())


def test_evidence_is_no_part_of_the_commitment() -> None:
    key = Dawn().evidence(KEY, logged())
    assert key.evidence
    assert key.commitment() == KEY.commitment()
    assert key.without_evidence() == KEY


def test_without_altered_answers_nothing_is_verified(trained: Model) -> None:
    suspect = Suspect.bare(trained, Compute(), "labels")
    key = Dawn().evidence(KEY, QueryLog())
    verdict = Dawn().verify(key, suspect, Rng(0))
    assert not verdict.is_copy
    assert verdict.reason == (
        "not verified: nobody was given an altered answer that a copy could repeat"
    )


@pytest.mark.parametrize(("hits", "is_copy"), [(0, False), (4, False), (20, True)])
def test_the_p_value_is_the_tail_of_the_wrong_classes(
    trained: Model, hits: int, is_copy: bool
) -> None:
    suspect = Suspect.bare(trained, Compute(), "labels")
    asked = images(20)
    said = suspect.labels(asked)
    given = torch.where(torch.arange(20) < hits, said, (said + 1) % N_CLASSES)
    key = dataclasses.replace(KEY, evidence={"images": asked, "labels": given})
    verdict = Dawn().verify(key, suspect, Rng(0))
    assert verdict.p_value == binomial_tail(hits, 20, 1 / (N_CLASSES - 1))
    assert verdict.is_copy is is_copy
    assert verdict.statistic == hits / 20
    assert verdict.rule is not None
    assert verdict.rule.is_copy is (verdict.p_value < 2.0**-64)


def test_its_p_value_holds_for_independent_answers() -> None:
    """Of 2,000 secrets, at most the level's share accuses one fixed labelling of the images."""
    asked = images(200)
    true = bare(asked.float() / 255).argmax(1)
    fixed = torch.randint(0, N_CLASSES, (200,), generator=Rng(8).torch())
    accused = 0
    for seed in range(2000):
        words = [int.from_bytes(tag[8:16], "big") for tag in tags(str(seed), asked[:30])]
        wrong = (true[:30] + 1 + torch.tensor([w % (N_CLASSES - 1) for w in words])) % N_CLASSES
        hits = int((wrong == fixed[:30]).sum())
        accused += binomial_tail(hits, 30, 1 / (N_CLASSES - 1)) <= 0.01
    assert accused <= 38  # P(Bin(2000, .01) > 38) < 1e-4
