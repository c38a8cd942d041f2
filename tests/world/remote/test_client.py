"""A model behind a URL: asked in batches, paced, retried, metered; every fault is a sentence."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import torch
from torch import Tensor

from arena.errors import EndpointError
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.remote.client import RemoteModel
from arena.world.remote.endpoint import Endpoint
from arena.world.remote.http_format import BatchForm, write_answers
from tests.world.endpoints import ModelServer, Reply, running, scripted

IMAGES = torch.rand(10, 8, generator=torch.Generator().manual_seed(0))
GOOD = Reply(write_answers(torch.tensor([[0.2, 0.3, 0.5]]).repeat(10, 1), "json"))


@pytest.fixture
def server(tiny: Model) -> Iterator[ModelServer]:
    """A server of the tiny model; it answers probabilities."""
    served = ModelServer(tiny)
    with running(served):
        yield served


class Dictionary:
    """A memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}

    def load(self, name: str) -> Tensor | None:
        return self.kept.get(name)

    def save(self, name: str, rows: Tensor) -> None:
        self.kept[name] = rows


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.naps = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize("form", ["json", "npy"])
def test_it_answers_what_the_model_answers(
    server: ModelServer, tiny: Model, form: BatchForm
) -> None:
    remote = RemoteModel(Endpoint(url=server.url, form=form, batch=4), 3)
    assert torch.allclose(remote(IMAGES), Compute().probabilities(tiny, IMAGES), atol=1e-6)
    assert (remote.meter.images, remote.meter.requests, remote.meter.retries) == (10, 3, 0)
    assert remote(IMAGES[:0]).shape == (0, 3)


def test_a_suspect_may_be_one(server: ModelServer, tiny: Model) -> None:
    remote = RemoteModel(Endpoint(url=server.url), 3)
    suspect = Suspect(remote, "probabilities", tiny.card)
    assert torch.equal(suspect.labels(IMAGES), Compute().labels(tiny, IMAGES))
    assert suspect.n_queries == remote.meter.images == 10


def test_labels_are_enough_where_labels_are_wanted(tiny: Model) -> None:
    served = ModelServer(tiny, "labels")
    with running(served):
        endpoint = Endpoint(url=served.url)
        rows = RemoteModel(endpoint, 3, "labels")(IMAGES)
        with pytest.raises(EndpointError, match="try --access labels"):
            RemoteModel(endpoint, 3)(IMAGES)
    assert torch.equal(rows.argmax(1), Compute().labels(tiny, IMAGES))
    assert set(rows.flatten().tolist()) == {0.0, 1.0}


def test_a_refusal_says_what_the_server_says(server: ModelServer) -> None:
    with pytest.raises(EndpointError, match=r"found 400 .*expected images of \(8,\), found \(5,\)"):
        RemoteModel(Endpoint(url=server.url), 3)(torch.rand(2, 5))


@pytest.mark.parametrize(
    ("url", "settings", "sentence"),
    [
        ("ftp://host/", {}, "expected a URL like http://"),
        ("http:/host", {}, "expected a URL like http://"),
        ("http://host:port/", {}, "expected a URL like http://"),
        ("http://[::1/", {}, "expected a URL like http://"),
        ("http://host/", {"timeout_s": 0}, "a timeout above 0, found 0"),
        ("http://host/", {"batch": 0}, "a batch of at least 1"),
        ("http://host/", {"retries": -1}, "retries of at least 0"),
        ("http://host/", {"backoff_s": -1}, "a back-off of at least 0"),
        ("http://host/", {"per_second": -1.0}, "a rate above 0"),
        ("http://host/", {"per_second": 0.0}, "a rate above 0"),
        ("http://host/", {"form": "xml"}, "json or npy, found 'xml'"),
    ],
)
def test_an_endpoint_is_checked(url: str, settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(EndpointError, match=sentence):
        Endpoint(url=url, **settings)  # type: ignore[arg-type]


def test_a_token_is_sent_and_recorded_nowhere() -> None:
    with scripted(lambda _i, _body: GOOD) as script:
        endpoint = Endpoint(url=script.url, headers=(("Authorization", "Bearer secret"),))
        RemoteModel(endpoint, 3)(IMAGES)
    assert script.headers[0]["Authorization"] == "Bearer secret"
    assert "secret" not in repr(endpoint) + json.dumps(endpoint.plain())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_later_and_later(status: int) -> None:
    time_passes = Time()
    with scripted(lambda i, _body: GOOD if i == 3 else Reply(status=status)) as script:
        endpoint = Endpoint(url=script.url, retries=3, backoff_s=0.5)
        remote = RemoteModel(endpoint, 3, sleep=time_passes.sleep, clock=time_passes.clock)
        assert remote(IMAGES).shape == (10, 3)
    assert time_passes.naps == [0.5, 1.0, 2.0]
    assert (remote.meter.images, remote.meter.requests, remote.meter.retries) == (10, 4, 3)
    assert remote.meter.seconds == pytest.approx(3.5)


def test_a_server_may_say_how_long_to_wait() -> None:
    waits = {"Retry-After": "7"}, {"Retry-After": "9999"}, {"Retry-After": "Fri, 31 Dec 1999"}
    time_passes = Time()
    with scripted(lambda i, _b: Reply(status=503, headers=waits[i]) if i < 3 else GOOD) as script:
        endpoint = Endpoint(url=script.url, retries=3, backoff_s=0.5)
        RemoteModel(endpoint, 3, sleep=time_passes.sleep, clock=time_passes.clock)(IMAGES)
    assert time_passes.naps == [7.0, 60.0, 2.0]


def test_requests_keep_within_the_rate() -> None:
    time_passes = Time()
    one = Reply(write_answers(torch.tensor([[0.2, 0.3, 0.5]] * 2), "json"))
    with scripted(lambda _i, _body: one) as script:
        endpoint = Endpoint(url=script.url, batch=2, per_second=4)
        RemoteModel(endpoint, 3, sleep=time_passes.sleep, clock=time_passes.clock)(IMAGES)
    assert time_passes.naps == pytest.approx([0.25] * 4)


def silent_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_nobody_there_is_one_sentence() -> None:
    endpoint = Endpoint(url=f"http://127.0.0.1:{silent_port()}/", retries=1, backoff_s=0)
    with pytest.raises(EndpointError, match=r"found no connection \(.*\) \(2 attempts\)"):
        RemoteModel(endpoint, 3)(IMAGES)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(GOOD.body, wait_s=0.6), "none within 0.2 s"),
        (Reply(GOOD.body, drip_s=0.01), "none within 0.2 s"),
        (Reply(GOOD.body, announced=9999), "no connection"),
        (Reply(status=404), "expected status 200 .*, found 404"),
        (Reply(b'{"error": "who are you\\nno"}', status=401), r"found 401 .*\(who are you\);"),
        (Reply(status=302, headers={"Location": "/"}), "found 302"),
        (Reply(b"<html>"), "expected probabilities or labels as json"),
        (Reply(b'{"labels": [1]}'), "try --access labels"),
        (Reply(b'{"probabilities": [[0.5, 0.5]]}'), "expected 10 rows of 3"),
    ],
    ids=["slow", "drips", "hangs-up", "missing", "refused", "moved", "page", "labels", "classes"],
)
def test_a_fault_is_one_sentence(reply: Reply, sentence: str) -> None:
    with scripted(lambda _i, _body: reply) as script:
        timeout_s = 0.2 if "0.2 s" in sentence else 30.0  # only who is slow is not waited for
        endpoint = Endpoint(url=script.url, timeout_s=timeout_s, retries=0)
        started = time.monotonic()
        with pytest.raises(EndpointError, match=sentence) as caught:
            RemoteModel(endpoint, 3)(IMAGES)
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_said() -> None:
    with scripted(lambda _i, _body: GOOD) as script:
        endpoint = Endpoint(url=script.url, headers=(("X", "a\nb"),))
        with pytest.raises(EndpointError, match="expected a request that can be sent"):
            RemoteModel(endpoint, 3)(IMAGES)


def test_what_was_answered_is_kept_and_never_asked_twice() -> None:
    rows = write_answers(torch.tensor([[0.2, 0.3, 0.5]] * 4), "json")
    memory = Dictionary()
    with scripted(lambda i, _body: Reply(rows) if i == 0 else Reply(status=404)) as script:
        endpoint = Endpoint(url=script.url, batch=4)
        with pytest.raises(EndpointError, match="404"):
            RemoteModel(endpoint, 3, memory=memory)(IMAGES[:8])
        again = RemoteModel(endpoint, 3, memory=memory)
        assert again(IMAGES[:4]).shape == (4, 3)
    assert len(script.bodies) == 2
    assert (again.meter.images, again.meter.remembered) == (0, 4)


def test_the_server_refuses_what_is_no_batch(server: ModelServer) -> None:
    for kind, body, status in (
        ("text/html", b"", 415),
        ("application/json", b"no", 400),
        ("application/octet-stream", b"no", 400),
    ):
        endpoint = Endpoint(url=server.url, headers=(("Content-Type", kind),), retries=0)
        remote = RemoteModel(endpoint, 3)
        with pytest.raises(EndpointError, match=f"found {status}"):
            remote._persist(body)


def test_a_port_that_is_taken_is_said(server: ModelServer, tiny: Model) -> None:
    with pytest.raises(EndpointError, match="expected a free port"):
        ModelServer(tiny, port=urlsplit(server.url).port or 0)
    with pytest.raises(EndpointError, match="expected a free port"):
        ModelServer(tiny, port=70_000)
