"""A model behind a URL: asked in batches over HTTP, paced, retried, and every image metered."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from arena.errors import EndpointError
from arena.world.json_values import Json, canonical, from_json
from arena.world.remote.endpoint import Endpoint
from arena.world.remote.http_format import (
    MAX_BYTES,
    TYPES,
    Wanted,
    read_answers,
    rows_of,
    write_images,
)

_AGAIN = (429, 500, 502, 503, 504)  # a busy or failing server may answer later
_LONGEST_WAIT_S = 60.0
_PIECE = 2**16  # bytes


@dataclass
class QueryMeter:
    """What asking cost.

    Attributes:
        images: sent and answered. remembered: answered by an earlier run, not sent again.
        requests: attempts made. retries: those after the first. seconds: spent asking and waiting.
    """

    images: int = 0
    remembered: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0

    def plain(self) -> dict[str, Json]:
        """Return the readings as JSON values."""
        return asdict(self)


class Memory(Protocol):
    """Keeps the answers to batches, so that none is asked twice."""

    def load(self, name: str) -> Tensor | None:
        """Return the rows of a batch, or None."""

    def save(self, name: str, rows: Tensor) -> None:
        """Keep the rows of a batch."""


class NoMemory:
    """Keeps nothing."""

    def load(self, name: str) -> Tensor | None:
        """Return nothing."""
        return None

    def save(self, name: str, rows: Tensor) -> None:
        """Keep nothing."""


class _Again(Exception):  # noqa: N818 - an attempt that failed, perhaps not the last
    """An attempt failed in a way that may pass."""

    def __init__(self, found: str, wait_s: float = 0.0) -> None:
        self.found, self.wait_s = found, wait_s
        super().__init__(found)


@dataclass
class RemoteModel:
    """A model behind a URL as a function: images (N, *input_shape) in [0, 1] -> rows (N, C).

    Attributes:
        endpoint: where. n_classes: C, the victim's.
        wanted: "labels" also takes bare labels (as one-hot rows), and logits.
        memory: keeps what was answered. meter: what it cost.
        sleep, clock: how time passes.
    """

    endpoint: Endpoint
    n_classes: int
    wanted: Wanted = "probabilities"
    memory: Memory = field(default_factory=NoMemory)
    meter: QueryMeter = field(default_factory=QueryMeter)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _next: float = 0.0

    def __call__(self, images: Tensor) -> Tensor:
        """Return the answers (N, C).

        Raises:
            EndpointError: it does not answer, or not as a model of C classes does; batches that it
                answered are in the memory.
        """
        size = self.endpoint.batch
        rows = [self._recalled(images[i : i + size]) for i in range(0, len(images), size)]
        return torch.cat(rows) if rows else torch.zeros(0, self.n_classes)

    def _recalled(self, batch: Tensor) -> Tensor:
        name = self._name(batch)
        rows = self.memory.load(name)
        if rows is not None:
            self.meter.remembered += len(batch)
            return rows
        rows = self.ask(batch)
        self.memory.save(name, rows)
        return rows

    def _name(self, batch: Tensor) -> str:
        shape, kind = list(batch.shape), str(batch.dtype)
        told: Json = [self.endpoint.url, self.n_classes, self.wanted, shape, kind]
        return hashlib.sha256(
            canonical(told).encode() + batch.cpu().contiguous().numpy().tobytes()
        ).hexdigest()

    def ask(self, batch: Tensor) -> Tensor:
        """Return the answers to one request; raises like a call."""
        started = self.clock()
        try:
            blob = self._persist(write_images(batch, self.endpoint.form))
        finally:
            self.meter.seconds += self.clock() - started
        answers = read_answers(blob, self.endpoint.form)
        rows = rows_of(answers, len(batch), self.n_classes, self.wanted)
        self.meter.images += len(batch)
        return rows

    def _persist(self, body: bytes) -> bytes:
        """Return the answer to a request, after as many attempts as are allowed."""
        found = ""
        for attempt in range(self.endpoint.retries + 1):
            self._pace()
            self.meter.requests += 1
            self.meter.retries += attempt > 0
            try:
                return self._attempt(body)
            except _Again as error:
                found = error.found
                if attempt < self.endpoint.retries:
                    wait = self.endpoint.backoff_s * 2**attempt
                    self.sleep(min(max(wait, error.wait_s), _LONGEST_WAIT_S))
        n = self.endpoint.retries + 1
        raise EndpointError(
            f"expected an answer from {self.endpoint.url}, found {found} "
            f"({n} attempt{'s' * (n > 1)}); check the address, or raise --timeout or --retries"
        )

    def _pace(self) -> None:
        """Wait until the next request keeps within the rate."""
        if self.endpoint.per_second is None:
            return
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.endpoint.per_second

    def _attempt(self, body: bytes) -> bytes:
        deadline = self.clock() + self.endpoint.timeout_s
        connection = _connection(self.endpoint)
        try:
            connection.request("POST", self.endpoint.target, body, self._headers())
            response = connection.getresponse()
            blob = self._read(response, deadline)
        except TimeoutError as error:
            raise _Again(f"none within {self.endpoint.timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise _Again(f"no connection ({reason})") from error
        except ValueError as error:  # http.client's refusal of a header or a host
            raise EndpointError(f"expected a request that can be sent, found {error}") from error
        finally:
            connection.close()
        if response.status in _AGAIN:
            raise _Again(f"status {response.status}", _seconds(response.getheader("Retry-After")))
        if response.status != http.client.OK:
            raise EndpointError(
                f"expected status 200 from {self.endpoint.url}, found {response.status} "
                f"{response.reason}{_told(blob)}; check the address, --format and --header"
            )
        return blob

    def _headers(self) -> dict[str, str]:
        kind = TYPES[self.endpoint.form]
        fixed = {"Content-Type": kind, "Accept": kind, "Connection": "close"}
        return fixed | dict(self.endpoint.headers)

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Return the body; a server that drips or never ends is cut off."""
        pieces: list[bytes] = []
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            if self.clock() > deadline:
                raise TimeoutError
            if len(pieces) > 1 and sum(map(len, pieces)) > MAX_BYTES:
                raise EndpointError(
                    f"expected at most {MAX_BYTES >> 20} MiB from {self.endpoint.url}, found more; "
                    "ask for less with a smaller --batch"
                )
        if response.length:  # the server hung up before all that it announced was there
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)


def _connection(endpoint: Endpoint) -> http.client.HTTPConnection:
    parts = endpoint.parts()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=endpoint.timeout_s)


def _seconds(text: str | None) -> float:
    """Return a Retry-After in seconds; 0 where it is a date or nothing."""
    return float(text) if text and text.isdecimal() else 0.0


def _told(blob: bytes) -> str:
    """Return what a server says of its refusal, in brackets."""
    try:
        said = str(from_json(blob)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({said.partition(chr(10))[0][:200]})"
