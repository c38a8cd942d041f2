"""What a server does, without HTTP: whom it answers what. `app` puts it behind routes."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from torch import Tensor

from arena.errors import EndpointError
from arena.runs.course.submissions import handle
from arena.runs.served.course_rules import CourseRules
from arena.runs.served.query_ledger import QueryLedger
from arena.runs.served.refusal import Refusal
from arena.runs.served.scoring import score_upload
from arena.runs.served.victims import Victims
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.remote.http_format import (
    MAX_BYTES,
    TYPES,
    BatchForm,
    Wanted,
    read_images,
    write_answers,
)
from arena.world.remote.png_format import PNG, read_png

FORMS: Mapping[str, BatchForm] = {kind: form for form, kind in TYPES.items()}
_OVERHEAD = 1 << 16  # bytes of a body beside its numbers
_PER_NUMBER = 32  # bytes that a number may take in JSON


def read_batch(blob: bytes, kind: str, shape: tuple[int, ...], most: int) -> Tensor:
    """Return the batch (N, *shape) in a body of a content type, as floats in [0, 1].

    Raises:
        Refusal: it is of another type (415), no such batch (400), or too large a one (413).
    """
    if kind not in (*FORMS, PNG):
        known = " or ".join((*FORMS, PNG))
        raise Refusal(415, f"expected a type of {known}, found {kind!r}")
    try:
        images = read_png(blob, shape, most) if kind == PNG else read_images(blob, FORMS[kind])
    except EndpointError as error:
        raise Refusal(400, str(error)) from error
    if tuple(images.shape[1:]) != shape or not images.numel():
        found = tuple(images.shape[1:]) if images.numel() else "none"
        raise Refusal(400, f"expected images of {shape}, found {found}; send others")
    if len(images) > most:
        raise Refusal(413, f"expected at most {most} images in a batch, found {len(images)}")
    return images


class Service(ABC):
    """Answers batches. One model runs at a time: the memory that a server takes stays flat."""

    most_batch: int = 4096

    def __init__(self, compute: Compute | None = None) -> None:
        self.compute, self._one_pass = compute or Compute(), threading.Lock()

    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""

    @property
    def most_bytes(self) -> int:
        """Return how large a body with a batch may be."""
        return min(MAX_BYTES, _OVERHEAD + _PER_NUMBER * self.most_batch * math.prod(self.shape()))

    @abstractmethod
    def answer(self, token: str, blob: bytes, kind: str) -> tuple[bytes, str]:
        """Return the answers to a batch with their content type.

        Raises:
            Refusal: the batch is not answered.
        """

    def metrics(self) -> Mapping[str, float]:
        """Return what can be counted, by name."""
        return {}

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds."""

    def said(
        self, model: Model, images: Tensor, answers: Wanted, decimals: int | None = None
    ) -> Tensor:
        """Return what a model says: probabilities (N, C) as it is allowed, or labels (N,)."""
        with self._one_pass:
            rows = self.compute.float32.probabilities(model, images)
        if answers == "labels":
            return rows.argmax(1)
        return rows if decimals is None else rows.round(decimals=decimals)


def written(answers: Tensor, kind: str) -> tuple[bytes, str]:
    """Return answers in the format of the question; JSON for a PNG."""
    form = FORMS.get(kind, "json")
    return write_answers(answers, form), TYPES[form]


class OpenService(Service):
    """One model for anybody, without tokens: a suspect to try `arena judge` on."""

    def __init__(
        self, model: Model, answers: Wanted = "probabilities", compute: Compute | None = None
    ) -> None:
        super().__init__(compute)
        self.model, self.answers = model, answers

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return self.model.card.input_shape

    def answer(self, token: str, blob: bytes, kind: str) -> tuple[bytes, str]:
        """Return the answers to a batch; whoever asks, and however much."""
        images = read_batch(blob, kind, self.shape(), self.most_batch)
        return written(self.said(self.model, images, self.answers), kind)


@dataclass
class _Kept:
    """Victims that were asked lately."""

    most: int = 64
    models: dict[str, Model] = field(default_factory=dict)

    def get(self, name: str, load: Callable[[str], Model]) -> Model:
        """Return a model, loaded where it is not kept."""
        if name not in self.models:
            while len(self.models) >= self.most:
                self.models.pop(next(iter(self.models)))
            self.models[name] = load(name)
        return self.models[name]


class CourseService(Service):
    """A victim for each token, a budget, a ledger, stolen models that are handed in and scored."""

    def __init__(
        self,
        rules: CourseRules,
        victims: Victims,
        ledger: QueryLedger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(victims.task.compute)
        self.rules, self.victims, self.ledger, self._clock = rules, victims, ledger, clock
        self.most_batch = rules.most_batch
        self._kept, self._loading = _Kept(), threading.Lock()

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return self.victims.task.card.input_shape

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def client(self, token: str) -> str:
        """Return whose token it is; raises Refusal (401) where it is nobody's."""
        name = self.ledger.client_of(token) if token else None
        if name is None:
            raise Refusal(401, "expected `Authorization: Bearer TOKEN` with a token of this course")
        return name

    def victim(self, client: str) -> Model:
        """Return the victim of a client."""
        with self._loading:
            return self._kept.get(client, self.victims.of)

    def answer(self, token: str, blob: bytes, kind: str) -> tuple[bytes, str]:
        """Return the answers of the client's victim, after the query was written down."""
        client = self.client(token)
        self._check_open()
        images = read_batch(blob, kind, self.shape(), self.rules.most_batch)
        self.ledger.charge(client, len(images), blob, self.rules.allowance)
        rules = self.rules
        return written(self.said(self.victim(client), images, rules.answers, rules.decimals), kind)

    def _check_open(self) -> None:
        if self.rules.is_over(self._clock()):
            raise Refusal(403, "the course is over; GET /scores shows the private part now")

    def budget(self, token: str) -> dict[str, Json]:
        """Return what a client has asked and may ask."""
        asked, rules = self.ledger.asked(self.client(token)), self.rules
        return {
            "asked": asked,
            "left": max(0, rules.budget - asked),
            "budget": rules.budget,
            "per_minute": rules.per_minute,
            "ends": self._ends(),
        }

    def upload(self, token: str, blob: bytes) -> dict[str, Json]:
        """Score a stolen model and keep it; return its score on the public part.

        Raises:
            Refusal: it is no model of this task, or one too many.
        """
        client = self.client(token)
        self._check_open()
        self.ledger.check_uploads(client, self.rules.most_uploads)
        victim = self.victim(client)
        with self._one_pass:
            scored = score_upload(blob, client, victim, self.victims, self._clock())
        self.ledger.enter_upload(scored, self.rules.most_uploads)
        return scored.plain(private=False)

    def scores(self, token: str) -> dict[str, Json]:
        """Return a client's models; the private part too once the course is over."""
        over = self.rules.is_over(self._clock())
        found = self.ledger.uploads(self.client(token))
        return {"over": over, "uploads": [upload.plain(private=over) for upload in found]}

    def board(self) -> dict[str, Json]:
        """Return the best model of each client, by utility, then by fewer queries; under handles.

        The part is the public one, and the private one once the course is over.
        """
        over = self.rules.is_over(self._clock())
        part = "private" if over else "public"
        best: dict[str, float] = {}
        for upload in self.ledger.uploads():
            value = upload.private_utility if over else upload.public_utility
            best[upload.client] = max(value, best.get(upload.client, 0.0))
        asked = {client: self.ledger.asked(client) for client in best}
        order = sorted(best, key=lambda client: (-best[client], asked[client], client))
        secret = f"{self.victims.root}"
        lines: list[Json] = [
            {"player": handle(name, secret), "utility": best[name], "queries": asked[name]}
            for name in order
        ]
        return {"part": part, "board": lines}

    def metrics(self) -> Mapping[str, float]:
        """Return the ledger's totals."""
        return {f"arena_{name}": float(n) for name, n in self.ledger.totals().items()}

    def _ends(self) -> str | None:
        ends: datetime | None = self.rules.ends
        return None if ends is None else ends.isoformat()
