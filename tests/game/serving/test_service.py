"""Services: one client, call by call, written down and gone on with; the log of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arena.errors import PlayerError, RuleViolation
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.serving.plain_wrappers import InputBlur, InputNoise, OutputLabels
from arena.game.serving.query_log import QueryLog
from arena.game.serving.service import Service, client_name
from arena.game.serving.wrapper import Answer, Client, Wrapper
from arena.game.sides.access import Access
from arena.game.sides.gatekeeper import Gatekeeper
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from tests.game.serving.counting import Counting

SERVING = (InputNoise(deviation=0.1), Counting(secret="cd" * 16))
COMPUTE = Compute()


def answer(images: Tensor) -> Tensor:
    return images.flatten(1)[:, :4].softmax(1)


def calls(n: int) -> list[Tensor]:
    return [torch.rand(3, 1, 4, 4, generator=Rng(i).torch()) for i in range(n)]


def test_without_wrappers_the_model_answers() -> None:
    (images,) = calls(1)
    assert torch.equal(Service(answer, (), Rng(0)).answer(images), answer(images))


def test_the_first_wrapper_is_the_innermost() -> None:
    (images,) = calls(1)
    found = Service(answer, (OutputLabels(), Counting()), Rng(0)).answer(images)
    assert float(found.max()) > 2  # a one-hot row would end at 1 were the labels outermost


def test_a_service_that_was_written_down_goes_on_bit_for_bit() -> None:
    whole = Service(answer, SERVING, Rng(5))
    expected = [whole.answer(images) for images in calls(4)]
    first = Service(answer, SERVING, Rng(5))
    found = [first.answer(images) for images in calls(4)[:2]]
    state = Bundle.from_bytes(first.bundle().to_bytes())
    second = Service(answer, SERVING, Rng(5), state)
    found += [second.answer(images) for images in calls(4)[2:]]
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert whole.bundle().digest() == second.bundle().digest()


def test_clients_do_not_share_what_is_kept() -> None:
    (images,) = calls(1)
    one, two = (Service(answer, SERVING, Rng(5).child(name)) for name in ("a", "b"))
    one.answer(images)
    assert one.client != two.client
    assert two.bundle().data["numbers"] == [{}, {}]


def test_a_name_says_nothing_of_the_client() -> None:
    assert "thief" not in client_name(Rng(0).child("thief"))


def test_a_wrapper_that_answers_too_little_is_the_partys_fault() -> None:
    class Lazy(Wrapper):
        def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
            return answer(inputs[:1])

    with pytest.raises(PlayerError, match="expected 3 answers from the wrapper"):
        Service(answer, (Lazy(),), Rng(0)).answer(calls(1)[0])


def test_a_log_is_written_down_and_read_back() -> None:
    log = QueryLog()
    for images in calls(2):
        log.write("somebody", images, answer(images))
    again = QueryLog.read(Bundle.from_bytes(log.bundle().to_bytes()))
    assert [query.client for query in again.queries] == ["somebody"] * 2
    assert all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.answers, b.answers)
        for a, b in zip(log.queries, again.queries, strict=True)
    )


def gate(victim: Model, output: str, serving: tuple[Wrapper, ...]) -> tuple[Gatekeeper, Access]:
    grants = ThreatModel.model_validate({"output": output, "data": 1})
    keeper = Gatekeeper(
        grants, victim, Meters(), COMPUTE, serving=serving, client=Rng(9), log=QueryLog()
    )
    return keeper, Access(keeper.answer, grants, victim.card, COMPUTE)


@pytest.mark.parametrize("output", ["labels", "probabilities", "logits"])
def test_the_gatekeeper_answers_through_the_owners_wrappers(trained: Model, output: str) -> None:
    images = torch.rand(20, *trained.card.input_shape, generator=Rng(1).torch())
    _, bare = gate(trained, output, ())
    _, blurred = gate(trained, output, (InputBlur(),))
    expected = bare.query(torch.nn.functional.avg_pool2d(images, 3, 1, 1))
    found = blurred.query(images)
    assert not torch.equal(found, bare.query(images))
    if output == "logits":  # of an altered row, known up to a constant
        expected, found = expected.softmax(1), found.softmax(1)
    torch.testing.assert_close(found, expected)


def test_a_client_is_shown_its_level_of_an_altered_answer(trained: Model) -> None:
    images = torch.rand(5, *trained.card.input_shape, generator=Rng(1).torch())
    _, access = gate(trained, "probabilities", (OutputLabels(),))
    rows = access.query(images)
    assert rows.max(1).values.tolist() == pytest.approx([1.0] * 5)


def test_the_log_holds_what_the_client_was_shown(trained: Model) -> None:
    keeper, access = gate(trained, "labels", (InputBlur(),))
    images = (torch.rand(5, *trained.card.input_shape) * 255).to(torch.uint8)
    labels = access.query(images)
    assert keeper.log is not None
    (query,) = keeper.log.queries
    assert torch.equal(query.inputs, images)
    assert torch.equal(query.answers, labels)
    assert query.client == keeper.service.client


def test_what_an_owners_wrapper_says_in_an_error_stays_with_the_owner(trained: Model) -> None:
    class Broken(Wrapper):
        def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
            raise ValueError("my secret is 42")

    _, access = gate(trained, "labels", (Broken(),))
    with pytest.raises(PlayerError, match="the owner's interface failed") as raised:
        access.query(torch.rand(2, *trained.card.input_shape))
    assert "42" not in str(raised.value)


@pytest.mark.parametrize("request_name", ["service", "serving", "log", "key", "__init__"])
def test_no_request_reaches_what_serves(trained: Model, request_name: str) -> None:
    keeper, _ = gate(trained, "labels", SERVING)
    with pytest.raises(RuleViolation, match="unknown request"):
        keeper.answer(request_name, Bundle())
