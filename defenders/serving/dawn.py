"""DAWN: a few wrong answers for every client, which a copy that learns from answers learns too."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key, fresh_seed
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from defenders.triggers.trigger_sets import binomial_verdict, n_hits


def quantised(images: Tensor) -> Tensor:
    """Return images as uint8; floats are in [0, 1]."""
    floats = images.is_floating_point()
    return (images * 255).round().clamp(0, 255).to(torch.uint8) if floats else images


def tags(seed: str, images: Tensor) -> list[bytes]:
    """Return HMAC-SHA256(seed, image) for each whole image (N, ...), quantised to uint8."""
    rows = quantised(images).cpu().contiguous().numpy()
    return [hmac.digest(seed.encode(), row.tobytes(), hashlib.sha256) for row in rows]


def marked(tag: bytes, known: set[bytes], rate: float, budget: int) -> bool:
    """Return whether a tag's answer is altered: the budget lasts, or it was before (`known`)."""
    if int.from_bytes(tag[:8], "big") >= rate * 2**64:
        return False
    if len(known) < budget:
        known.add(tag)
    return tag in known


@wrapper("dawn")
@dataclass(frozen=True, kw_only=True)
class DawnAnswers(Wrapper):
    """Answers a keyed choice of images wrongly, the same image always in the same way.

    HMAC(secret, image) chooses images and their wrong class. Kept of a client: which were altered.
    """

    paper: ClassVar[str] = "Szyller et al., MM 2021"

    secret: str = field(default="", repr=False)
    rate: Annotated[float, Field(ge=0, le=1)] = 0.005
    budget: Annotated[int, Field(ge=0)] = 250

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer, with the marked rows altered."""
        rows = answer(inputs).clone()
        kept = client.tensors.get("marked", torch.zeros(0, 32, dtype=torch.uint8))
        known = {bytes(row) for row in kept.numpy()}
        for row, tag in zip(rows, tags(self.secret, inputs), strict=True):
            if marked(tag, known, self.rate, self.budget):
                n_classes, top = len(row), int(row.argmax())
                wrong = (top + 1 + int.from_bytes(tag[8:16], "big") % (n_classes - 1)) % n_classes
                row[[top, wrong]] = row[[wrong, top]]
        client.tensors["marked"] = torch.tensor([list(tag) for tag in sorted(known)]).to(kept.dtype)
        return rows


@defense("dawn")
@dataclass(frozen=True, kw_only=True)
class Dawn(Defense):
    """Marks whoever copies the model by its answers: some of them are wrong, by a keyed choice.

    What: the released model is untouched, its interface answers a secret share of the images
    wrongly. What a client was told wrongly is read from the log and is the trigger set: a copy
    learnt from these answers repeats them, and nobody else has reason to.
    Threat model: copies by queries; who takes the weights meets no mark. Verification asks for
    labels of the altered images.
    Parameters: rate (share of images answered wrongly); budget (altered images a client, at most).
    Cost: about `rate` of accuracy until a client's budget is spent; one hash for each image asked;
    one label query for each altered image.
    Differences to the paper: p is the tail of Bin(n, 1 / (C - 1)), which bounds that of any
    independent model: the hash draws the wrong class among C - 1 (paper: 1 / C, and p < 2^-64,
    reported as its rule); in a row of probabilities that class and the answered one change places.
    Reference: Szyller, Atli, Marchal, Asokan: DAWN: Dynamic adversarial watermarking, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Szyller et al., MM 2021"
    reads: ClassVar[Output] = "labels"
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("rate", 0.001, 0.1, "log")
    quick: ClassVar = MappingProxyType({"rate": 0.05})

    rate: Annotated[float, Field(ge=0, le=1)] = 0.005
    budget: Annotated[int, Field(ge=0)] = 250

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the model as it is, behind the wrapper; the key is the wrapper's secret."""
        settings = {"rate": self.rate, "budget": self.budget, "n_classes": task.card.n_classes}
        key = Key("dawn", fresh_seed(rng), settings)
        answers = DawnAnswers(secret=key.seed, rate=self.rate, budget=self.budget)
        return Protected(task.base(), key, (answers,))

    def rederive(self, key: Key) -> Key:
        """Return the key: the seed and the settings are all of it."""
        return dataclasses.replace(key, tensors={}, evidence={})

    def evidence(self, key: Key, log: QueryLog) -> Key:
        """Return the key with every altered image (n, ...) of the log and its answered class."""
        rate, budget = float(key.settings["rate"]), int(key.settings["budget"])
        known: defaultdict[str, set[bytes]] = defaultdict(set)
        found: dict[bytes, tuple[Tensor, Tensor]] = {}
        for query in log.queries:
            labels = query.answers if query.answers.dim() == 1 else query.answers.argmax(1)
            each = zip(tags(key.seed, query.inputs), query.inputs, labels, strict=True)
            for tag, image, label in each:
                if marked(tag, known[query.client], rate, budget):
                    found[tag] = quantised(image), label
        if not found:
            return key
        images, labels = (torch.stack(part) for part in zip(*found.values(), strict=True))
        return dataclasses.replace(key, evidence={"images": images, "labels": labels})

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the altered images on which the suspect repeats the wrong answer."""
        if not key.evidence:
            raise NotComparable("nobody was given an altered answer that a copy could repeat")
        n_classes = int(key.settings["n_classes"])
        if suspect.n_classes != n_classes:
            raise NotComparable(f"the suspect knows {suspect.n_classes} classes, not {n_classes}")
        hits = n_hits(suspect.labels(key.evidence["images"]), key.evidence["labels"])
        n = len(key.evidence["labels"])
        verdict = binomial_verdict(hits, n, 1 / (n_classes - 1), self.level)
        rule = Rule("p < 2^-64", verdict.p_value < 2.0**-64)
        reason = f"{hits} of {n} altered answers are repeated"
        return dataclasses.replace(verdict, rule=rule, reason=reason)
