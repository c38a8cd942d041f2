"""The server: what it answers, what it refuses, what it counts, over a socket."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch

from arena.runs.served.refusal import Refusal
from arena.runs.served.server import Server
from arena.runs.served.service import OpenService
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import Model, pack
from arena.world.remote.client import RemoteModel
from arena.world.remote.endpoint import Endpoint
from tests.runs.served.conftest import END_S, Course, Heard, ask, live
from tests.world.endpoints import running, write_png

JSON, NPY, PNG = "application/json", "application/octet-stream", "image/png"


@pytest.fixture
def url(course: Course) -> Iterator[str]:
    with live(course.service) as where:
        yield where


def post(url: str, course: Course, body: bytes, kind: str = JSON, who: str = "alice") -> Heard:
    headers = {"Content-Type": kind, "Authorization": f"Bearer {course.tokens[who]}"}
    return ask(url, "POST", "/query", body, headers)


def test_the_client_of_the_arena_asks_it_and_each_token_has_its_own_victim(
    url: str, course: Course
) -> None:
    rows = {}
    for name, token in course.tokens.items():
        header = ("Authorization", f"Bearer {token}")
        remote = RemoteModel(Endpoint(url=url, batch=5, headers=(header,)), 10)
        rows[name] = remote(course.images)
        victim = course.service.victim(name)
        meant = Compute().probabilities(victim, course.images)
        assert torch.allclose(rows[name], meant, atol=1e-6)
        assert course.service.ledger.asked(name) == 10
    assert not torch.equal(rows["alice"], rows["bob"])


def test_json_npy_and_png_say_the_same(url: str, course: Course) -> None:
    pixels = (course.images * 255).round().to(torch.uint8)
    buffer = io.BytesIO()
    np.save(buffer, pixels.numpy())
    plain = json.dumps({"images": (pixels.float() / 255).tolist()}).encode()
    first = post(url, course, plain)
    assert first.status == 200
    rows = np.asarray(first.said["probabilities"], dtype=np.float32)
    second = post(url, course, buffer.getvalue(), NPY)
    assert np.allclose(np.load(io.BytesIO(second.body)), rows, atol=1e-6)
    third = post(url, course, write_png(pixels), PNG)
    assert np.allclose(third.said["probabilities"], rows, atol=1e-6)


def test_what_is_no_batch_is_refused_and_costs_nothing(url: str, course: Course) -> None:
    images = course.images.clone()
    images[0, 0, 0, 0] = float("nan")
    too_many = json.dumps({"images": course.images.repeat(3, 1, 1, 1).tolist()}).encode()
    refused = (
        (json.dumps({"images": images.tolist()}).encode(), JSON, 400, "in [0, 1]"),
        (json.dumps({"images": (course.images * 255).tolist()}).encode(), JSON, 400, "in [0, 1]"),
        (json.dumps({"images": [[1.0, 0.5]]}).encode(), JSON, 400, "images of (1, 8, 8)"),
        (json.dumps({"images": 0.5}).encode(), JSON, 400, "images of (1, 8, 8)"),
        (course.body().replace(b"[[[[", b"[[[[true, ", 1), JSON, 400, "expected images as json"),
        (json.dumps({"images": [[[[False] * 8] * 8]]}).encode(), JSON, 400, "true or false"),
        (b"[" * 100_000, JSON, 400, "expected images as json"),
        (b"no", NPY, 400, "expected images as npy"),
        (write_png(torch.zeros(1, 1, 8, 9)), PNG, 400, "expected a PNG 8 wide"),
        (b"\x89PNG\r\n\x1a\n", PNG, 400, "expected a PNG"),
        (too_many, JSON, 413, "at most 20 images"),
        (course.body(), "text/html", 415, "expected a type of"),
    )
    for body, kind, status, sentence in refused:
        heard = post(url, course, body, kind)
        assert (heard.status, sentence in heard.said["error"]) == (status, True), heard.body
    assert course.service.ledger.asked("alice") == 0


def test_nobody_else_on_the_machine_can_read_a_victim(course: Course) -> None:
    folder = course.service.victims.folder / "victims"
    assert len(list(folder.glob("*.safetensors"))) == 2
    assert folder.stat().st_mode & 0o077 == 0


def test_who_has_no_token_is_told_so(url: str, course: Course) -> None:
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic YQ=="}):
        heard = ask(url, "POST", "/query", course.body(), {"Content-Type": JSON, **headers})
        assert (heard.status, heard.headers["www-authenticate"]) == (401, "Bearer")


def test_budget_cool_down_and_end_have_their_statuses(url: str, course: Course) -> None:
    for _ in range(3):
        assert post(url, course, course.body()).status == 200
    soon = post(url, course, course.body())
    assert (soon.status, soon.headers["retry-after"]) == (429, "60")
    course.clock.now += 61
    assert post(url, course, course.body()).status == 200
    assert post(url, course, course.body()).status == 200
    course.clock.now += 61
    spent = post(url, course, course.body(1))
    assert (spent.status, "0 are left of 50" in spent.said["error"]) == (403, True)
    token = {"Authorization": f"Bearer {course.tokens['alice']}"}
    budget = ask(url, "GET", "/budget", headers=token).said
    assert (budget["asked"], budget["left"]) == (50, 0)
    course.clock.now = END_S
    over = post(url, course, course.body(1), who="bob")
    assert (over.status, "the course is over" in over.said["error"]) == (403, True)


def test_a_stolen_model_is_scored_on_the_public_part_and_later_on_the_private(
    url: str, course: Course
) -> None:
    token = {"Authorization": f"Bearer {course.tokens['alice']}"}
    blob = pack(course.service.victim("alice")).to_bytes()
    heard = ask(url, "POST", "/models", blob, {**token, "Content-Type": NPY})
    assert (heard.status, heard.said["public"]["agreement"]) == (201, 1.0)
    assert "private" not in json.dumps(ask(url, "GET", "/scores", headers=token).said)
    other = pack(course.service.victim("bob")).to_bytes()
    assert ask(url, "POST", "/models", other, token).said["public"]["agreement"] < 1
    assert "20 models" not in ask(url, "POST", "/models", blob, token).said["error"]
    assert ask(url, "POST", "/models", blob).status == 401
    course.clock.now = END_S
    shown = ask(url, "GET", "/scores", headers=token).said
    assert [upload["private"]["agreement"] == 1 for upload in shown["uploads"]] == [True, False]
    board = ask(url, "GET", "/leaderboard").said
    assert (board["part"], len(board["board"])) == ("private", 1)
    assert "alice" not in json.dumps(board)


def test_bytes_that_are_no_model_are_refused(url: str, course: Course) -> None:
    token = {"Authorization": f"Bearer {course.tokens['alice']}"}
    tiny = course.service.victims.task.card_for("softmax").model_copy(update={"n_classes": 3})
    from arena.world.models import build
    from arena.world.rng import Rng

    deep = {"kind": "language", "architecture": "gpt", "input_shape": [8], "vocabulary": 256}
    graph = {**course.service.victims.task.card.plain(), "architecture": "onnx:g"}
    cards = (
        {**deep, "arguments": {"depth": 10**9}},  # built, it would fill all memory
        {**graph, "arguments": {"graph": "of a stranger's"}},  # read by a library
    )
    described = [Bundle({"card": card}).to_bytes() for card in cards]
    for blob in (b"", b"no", b"\xff" * 100, pack(build(tiny, Rng(0))).to_bytes(), *described):
        heard = ask(url, "POST", "/models", blob or b" ", token)
        assert (heard.status, "expected" in heard.said["error"]) == (400, True)
    assert course.service.ledger.uploads("alice") == []


def test_health_metrics_and_description_are_there(url: str, course: Course) -> None:
    post(url, course, course.body())
    post(url, course, b"no")
    assert ask(url, "GET", "/health").said == {"status": "ok"}
    counts = ask(url, "GET", "/metrics").body.decode()
    assert 'arena_requests_total{path="/query",status="200"} 1' in counts
    assert 'arena_requests_total{path="/query",status="400"} 1' in counts
    assert "arena_images 10" in counts
    paths = ask(url, "GET", "/openapi.json").said["paths"]
    page = ask(url, "GET", "/docs").body.decode()
    assert all(path in page for path in paths)
    missing = ask(url, "GET", "/nothing")
    assert (missing.status, missing.said["error"]) == (404, "Not Found")
    assert ask(url, "GET", "/query").status == 405


def test_a_server_answers_in_float32_whatever_the_autocast(trained: Model) -> None:
    service = OpenService(trained, compute=Compute(precision="bfloat16"))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    said = service.said(trained, images, "probabilities")
    assert torch.equal(said, Compute().probabilities(trained, images))


def test_large_bodies_and_bodies_that_drip_are_cut_off(tiny: Model) -> None:
    service = OpenService(tiny)
    service.most_batch = 10
    with live(service) as url:
        heard = ask(url, "POST", "/", b"x" * (service.most_bytes + 1), {"Content-Type": JSON})
        assert heard.status == 413
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
            head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            line.sendall(head.encode())
            assert line.recv(100).startswith(b"HTTP/1.1 411")


def test_a_head_that_drips_loses_its_connection_and_one_that_comes_whole_keeps_it(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.runs.served.connection.PATIENCE_S", 0.5)
    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with live(OpenService(tiny)) as url:
        parts = urlsplit(url)
        where = (parts.hostname, parts.port)
        with socket.create_connection(where, timeout=30) as line:
            assert line.recv(100) == b""  # says nothing
        with socket.create_connection(where, timeout=30) as line:
            for _ in range(2):  # the second head on one connection, too
                line.sendall(health)
                heard = b""
                while b'"ok"' not in heard:
                    heard += line.recv(1000)
            for byte in health[:-1]:
                try:
                    line.sendall(bytes([byte]))
                except OSError:
                    break
                time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                assert line.recv(100) == b""


def test_what_is_being_answered_when_it_stops_is_answered(tiny: Model) -> None:
    begun, heard = threading.Event(), list[Heard]()

    class Slow(OpenService):
        def answer(self, token: str, blob: bytes, kind: str) -> tuple[bytes, str]:
            begun.set()
            time.sleep(0.5)
            return super().answer(token, blob, kind)

    server = Server(Slow(tiny))
    body = json.dumps({"images": [[0.5] * 8]}).encode()
    with running(server):
        asking = threading.Thread(
            target=lambda: heard.append(ask(server.url, "POST", "/", body, {"Content-Type": JSON}))
        )
        asking.start()
        assert begun.wait(30)
    asking.join()
    assert [one.status for one in heard] == [200]


def test_a_refusal_says_when_to_come_back() -> None:
    assert (str(Refusal(429, "wait", 3.0)), Refusal(429, "wait", 3.0).wait_s) == ("wait", 3.0)
