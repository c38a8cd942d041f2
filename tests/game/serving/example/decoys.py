"""Decoys, a served defence: every n-th answer to a client is a class that the key draws."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import NotComparable
from arena.game import Defense, Key, OwnerTask, Protected, Rng, Suspect, Verdict, defense
from arena.game.court.statistics import binomial_tail, least_hits
from arena.game.rules.keys import fresh_seed, prf_labels
from arena.game.serving import Answer, Client, QueryLog, Wrapper, wrapper
from arena.world.kinds.interface import Output


def pixels(images: Tensor) -> Tensor:
    """Return images as uint8: what a key hashes must not depend on how they were sent."""
    return (images * 255).round().to(torch.uint8) if images.is_floating_point() else images


def chosen(start: int, n: int, every: int) -> Tensor:
    """Return which (n,) of the answers from number `start` on are decoys."""
    return (torch.arange(start, start + n) + 1) % every == 0


@wrapper("decoys")
@dataclass(frozen=True, kw_only=True)
class DecoyAnswers(Wrapper):
    """Answers every n-th image of a client with a class that the secret draws."""

    secret: str = field(default="", repr=False)
    every: int = 20

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer; what is kept of a client is how much it has asked."""
        rows, start = answer(inputs).clone(), int(client.numbers.get("asked", 0))
        client.numbers["asked"] = start + len(inputs)
        decoys = chosen(start, len(inputs), self.every)
        labels = prf_labels(self.secret, pixels(inputs[decoys]), rows.shape[1])
        rows[decoys] = F.one_hot(labels, rows.shape[1]).to(rows.dtype)
        return rows


@defense("decoys")
@dataclass(frozen=True, kw_only=True)
class Decoys(Defense):
    """Gives every client decoys that only a copy of its answers repeats.

    What: see `DecoyAnswers`; the decoys are found again in the log.
    Threat model: copies by queries; verification asks for labels.
    Parameters: every (one answer in so many is a decoy).
    Cost: one answer in `every` is wrong; one label query for each decoy.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    paper: ClassVar[str] = "a worked example, 2026"
    reads: ClassVar[Output] = "labels"
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    quick: ClassVar = MappingProxyType({"every": 12})

    every: int = 20

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the model behind the wrapper; the key is the wrapper's secret."""
        settings = {"every": self.every, "n_classes": task.card.n_classes}
        key = Key("decoys", fresh_seed(rng), settings)
        return Protected(task.base(), key, (DecoyAnswers(secret=key.seed, every=self.every),))

    def rederive(self, key: Key) -> Key:
        """Return the key: the seed and the settings are all of it."""
        return dataclasses.replace(key, tensors={}, evidence={})

    def evidence(self, key: Key, log: QueryLog) -> Key:
        """Return the key with the images whose answers were decoys."""
        asked: dict[str, int] = {}
        found = []
        for query in log.queries:
            start = asked.get(query.client, 0)
            asked[query.client] = start + len(query.inputs)
            decoys = chosen(start, len(query.inputs), int(key.settings["every"]))
            found.append(pixels(query.inputs[decoys]))
        images = torch.cat(found).unique(dim=0) if found else torch.zeros(0)
        return dataclasses.replace(key, evidence={"images": images})

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the decoys that the suspect repeats: chance is 1 / C, whoever is asked."""
        images, n_classes = key.evidence.get("images"), int(key.settings["n_classes"])
        if images is None or not len(images) or suspect.n_classes != n_classes:
            raise NotComparable("no decoy was served that this suspect could repeat")
        labels = prf_labels(key.seed, images, n_classes)
        hits, n = int((suspect.labels(images) == labels).sum()), len(images)
        p, needed = binomial_tail(hits, n, 1 / n_classes), least_hits(n, 1 / n_classes, self.level)
        is_copy, reason = p <= self.level, f"{hits} of {n} decoys are repeated"
        return Verdict(is_copy, p, hits / n, needed / n, "TSA", "high", reason)
