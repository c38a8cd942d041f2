"""The gatekeeper: the referee's side of the channel through which a thief asks.

It checks the threat model, charges the meters and answers, in float32 or float64 whatever the
autocast; the thief's side is `access`.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from arena.errors import PlayerError, RuleViolation, did_you_mean
from arena.game.rules.keys import PUBLICATION, Register
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.game.serving.service import Service
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.deliverable import Deliverable
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Raw
from arena.world.kinds.interface import Interface
from arena.world.kinds.kind import Steer
from arena.world.models import Model, pack
from arena.world.rng import Rng


@dataclass
class Gatekeeper:
    """The referee's side of the channel.

    Attributes:
        grants: the threat model. victim: the released model. current: the thief's suspect, if any.
        data, pool, transfer: what is granted, or None. exposed: what is exposed of the key.
        base: the public model that the victim was made from, where it is known.
        serving: the owner's wrappers, through which the victim answers; they never leave this side.
        client: the randomness of the service that this thief gets. served: its state so far.
        log: where calls are written down, for owners that read it.
        touched: whether the thief has seen something of the victim, in this round or before.
        verifier: answers whether a suspect would be caught, for scenarios that grant calls of it.
    """

    grants: ThreatModel
    victim: Model
    meters: Meters
    compute: Compute
    register: Register = field(default_factory=Register)
    current: Deliverable | None = None
    data: Dataset | None = None
    pool: Dataset | None = None
    transfer: Dataset | None = None
    exposed: Bundle = field(default_factory=Bundle)
    base: Model | None = None
    serving: tuple[Wrapper, ...] = ()
    client: Rng = field(default_factory=lambda: Rng(0))
    served: Bundle | None = None
    log: QueryLog | None = None
    touched: bool = False
    verifier: Callable[[Deliverable], bool] | None = None
    _exact: Model | None = None  # the victim in float64, made once

    def __post_init__(self) -> None:
        self.service = Service(self._bare, self.serving, self.client, self.served)

    def answer(self, request: str, given: Bundle) -> Bundle:
        """Answer one request, with what shares no memory with anything on this side.

        Raises:
            RuleViolation: the request is unknown or not granted.
            BudgetExceeded: it would cost more than is left.
        """
        handlers = {
            "charge": self._on_charge,
            "data": self._on_data,
            "model": self._on_model,
            "current": self._on_current,
            "exposed": self._on_exposed,
            "base": self._on_base,
            "query": self._on_query,
            "verify": self._on_verify,
            "commit": self._on_commit,
        }
        if request not in handlers:
            raise RuleViolation(f"unknown request {request!r}{did_you_mean(request, handlers)}")
        return handlers[request](given).copy()

    def _on_charge(self, given: Bundle) -> Bundle:
        self.meters.charge(given.data["costs"])
        return Bundle()

    def _on_data(self, given: Bundle) -> Bundle:
        data = {"data": self.data, "pool": self.pool, "transfer": self.transfer}[given.data["name"]]
        if data is None:
            raise RuleViolation(f"the threat model grants no {given.data['name']!r} data")
        labels = data.labels
        if given.data["name"] == "data" and not self.grants.data_labels:
            labels = torch.zeros_like(labels)
        named = {"name": data.name, "classes": list(data.classes)}
        return Bundle(named, {"images": data.images, "labels": labels})

    def _on_model(self, given: Bundle) -> Bundle:
        if self.current is not None and self.current.model is not None:
            return pack(self.current.model)
        if self.grants.output != "weights":
            raise RuleViolation(f"the weights are not granted (output: {self.grants.output!r})")
        self.touched = True
        return pack(self.victim)

    def _on_current(self, given: Bundle) -> Bundle:
        return (self.current or Deliverable()).bundle()

    def _on_exposed(self, given: Bundle) -> Bundle:
        if not self.grants.secrets:
            raise RuleViolation("the threat model exposes nothing of the owner's key")
        self.touched = True
        return self.exposed

    def _on_base(self, given: Bundle) -> Bundle:
        if self.base is None:
            raise RuleViolation("the threat model does not say what the victim was made from")
        return pack(self.base)

    def _on_query(self, given: Bundle) -> Bundle:
        if self.grants.output == "nothing":
            raise RuleViolation("the threat model grants no queries")
        images, card, kind = given.tensors["images"], self.victim.card, self.victim.kind
        kind.admit(images, card, self.grants)
        asked = self._asked(given.data)
        marks, bits = self.meters.new_images(images), kind.bits(card, asked)
        n = self._affordable(marks, bits)
        self.meters.charge(self._costs(marks[:n], bits))
        self.meters.remember(marks[:n])
        self.touched = True
        answers = self._answers(images[:n], asked.length)
        if self.log is not None:
            self.log.write(self.service.client, images[:n], answers)
        return Bundle(tensors={"answers": answers})

    def _asked(self, given: Mapping[str, Raw]) -> ThreatModel:
        """Return the grants with the length that is asked for, where one is."""
        length = given.get("length", self.grants.length)
        if type(length) is not int or not 1 <= length <= self.grants.length:
            raise RuleViolation(
                f"expected a length of 1 to {self.grants.length} tokens, found {length!r}"
            )
        return self.grants.model_copy(update={"length": length})

    def _costs(self, marks: list[bytes], bits: float) -> dict[str, float]:
        n = len(marks)
        return {
            "images_queried": n,
            "images_unique": sum(1 for mark in marks if mark),
            "calls": math.ceil(n / self.grants.max_batch),
            "rounds": 1,
            "bits_revealed": n * bits,
        }

    def _affordable(self, marks: list[bytes], bits: float) -> int:
        """Return how many of the images fit into every budget, at least one."""
        n = min(
            len(marks),
            int(min(self.meters.left("images_queried"), len(marks))),
            int(min(self.meters.left("calls") * self.grants.max_batch, len(marks))),
            int(min(self.meters.left("bits_revealed") / bits, len(marks))),
        )
        fresh = list(accumulate(bool(mark) for mark in marks[:n]))
        n = bisect.bisect_right(fresh, self.meters.left("images_unique"))
        return max(n, 1)  # the charge for one image names the meter that is spent

    def _answers(self, inputs: Tensor, length: int) -> Tensor:
        kind = self.victim.kind
        writes = kind.writes and self.grants.output == "outputs"
        if not self.serving and not writes:
            return kind.reveal(self._whole(inputs), self.grants)
        try:
            if writes:
                return self.service.write(inputs, partial(self._written, length))
            served = self.service.answer(inputs)
        except Exception as error:  # what an owner's wrapper says may hold its secret
            raise PlayerError(
                f"the owner's interface failed ({type(error).__name__}); nothing was answered"
            ) from None
        return kind.reveal(kind.unserved(served), self.grants)

    def _bare(self, inputs: Tensor) -> Tensor:
        kind = self.victim.kind
        return kind.reveal(self._whole(inputs), Interface(output=kind.served))

    def _written(self, length: int, prompts: Tensor, steer: Steer, rng: Rng) -> Tensor:
        self.compute.place(self.victim)
        return self.victim.kind.write(self.victim, prompts, length, steer, rng)

    def _whole(self, inputs: Tensor) -> Tensor:
        double, victim = self.grants.double, self.victim
        if double:
            self._exact = victim = self._exact or victim.copy().double()
        rng = self.client.child("round", int(self.meters.reading().rounds))
        return victim.kind.answer(victim, inputs, self.compute.float32, rng, double=double)

    def _on_verify(self, given: Bundle) -> Bundle:
        self.meters.charge({"verifier_calls": 1})
        if self.verifier is None:
            raise RuleViolation("the scenario grants no calls of the verifier")
        self.touched = True
        return Bundle({"caught": self.verifier(Deliverable.read(given))})

    def _on_commit(self, given: Bundle) -> Bundle:
        early = self.grants.precommit and not self.touched
        time = 0 if early else PUBLICATION + 1 + len(self.register.entries)
        model = given.data.get("model", "")
        entry = self.register.enter("thief", given.data["commitment"], time, model)
        return Bundle({"entry": entry.plain()})
