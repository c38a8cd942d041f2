"""What trigger-set schemes have in common: feeding triggers, and the statistics."""

from __future__ import annotations

import bisect
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from arena.game.court.nulls import ENOUGH, Nulls, Rates
from arena.game.court.reference import NO_REFERENCE, Reference
from arena.game.court.statistics import binomial_tail, count_p_value, dealt_tail
from arena.game.court.verdict import Rule, Verdict
from arena.world.json_values import Json
from arena.world.rng import Rng
from arena.world.training import Examples, Hook

_EQUAL = 1e-9  # rates of other numbers of triggers are equal up to this


class TriggerFeed(Hook):
    """Appends triggers with their labels to every batch in random order, all equally often.

    They are appended after augmentation: a trigger is always shown exactly as it will be verified.
    """

    def __init__(self, images: Tensor, labels: Tensor, per_batch: int) -> None:
        self.triggers, self.per_batch = Examples(images, labels), per_batch
        self._generator, self._order = torch.Generator(), torch.zeros(0, dtype=torch.int64)

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the triggers to the device and begin a new random order."""
        self.triggers = self.triggers.to(device)
        self._generator, self._order = rng.torch(), torch.zeros(0, dtype=torch.int64)

    def examples(self, step: int) -> Examples | None:
        """Return the next few triggers."""
        if not len(self.triggers):
            return None
        while len(self._order) < self.per_batch:
            again = torch.randperm(len(self.triggers), generator=self._generator)
            self._order = torch.cat([self._order, again])
        index, self._order = self._order[: self.per_batch], self._order[self.per_batch :]
        return self.triggers.select(index.to(self.triggers.images.device))


def n_hits(answers: Tensor, labels: Tensor) -> int:
    """Return how many of the answered classes (K,) are the labels (K,)."""
    return int((answers == labels).sum())


def random_label_verdict(
    answers: Tensor,
    labels: Tensor,
    n_classes: int,
    level: float,
    null_hits: Sequence[int] = (),
) -> Verdict:
    """Return the verdict on answers (K,) to triggers whose labels (K,) were drawn at random.

    Like `binomial_verdict`, and no rarer than if the key's labels had been dealt to the answers
    anew: the triggers are so alike to most models that they say one class to nearly all of them,
    and where a key happens to have many labels of that class, every such model hits them.
    """
    found = [Counter(x.tolist()) for x in (answers, labels)]
    counts = [[one[label] for label in sorted(found[0] | found[1])] for one in found]
    return _random_verdict(
        n_hits(answers, labels),
        len(labels),
        1 / n_classes,
        level,
        null_hits,
        lambda k: dealt_tail(k, *counts),
    )


def binomial_verdict(
    hits: int, n: int, chance: float, level: float, null_hits: Sequence[int] = ()
) -> Verdict:
    """Return the verdict on `hits` of `n` triggers whose labels were drawn at random.

    Over keys the test is exact; under one key all models may answer alike, for they share habits.
    So where the hits of six independent models are given, the larger p-value counts.

    The null is Bin(n, chance): it holds because the labels were drawn independently of the images
    and before the suspect was seen. Source: Adi et al., USENIX Security 2018
    (random labels); the exact test is ours.
    """
    return _random_verdict(hits, n, chance, level, null_hits)


def _random_verdict(
    hits: int,
    n: int,
    chance: float,
    level: float,
    null_hits: Sequence[int],
    besides: Callable[[int], float] = lambda hits: 0.0,
) -> Verdict:
    """Return the verdict of a binomial test; no hits are rarer than `besides` says."""
    known = len(null_hits) >= ENOUGH

    def p_value(k: int) -> float:
        exact = max(binomial_tail(k, n, chance), besides(k))
        return max(exact, count_p_value(k, n, null_hits)) if known else exact

    figures: dict[str, Json] = {"n_triggers": n}
    if null_hits:
        figures["null_hits"] = list(null_hits)
    return _verdict(hits, n, p_value, level, figures)


def null_verdict(
    hits: int,
    n: int,
    nulls: Nulls,
    level: float,
    rates: Sequence[float] = (),
    utility: float | None = None,
) -> Verdict:
    """Return the verdict on `hits` of `n` triggers that share one label, judged by null models.

    Args:
        hits: the suspect's.
        n: triggers.
        nulls: shares of the same triggers that independent models hit.
        level: the p-value at which a suspect is called a copy.
        rates: of hits of those models under other keys that might have been drawn. Hit rates are
            heavy-tailed between models and keys, which no few nulls under one key show: so a rate
            is besides no rarer than its rank among these.
        utility: the suspect's, where it is known.
    """
    ranked = np.sort(np.asarray(rates, dtype=np.float64))

    def p_value(k: int) -> float:
        p = nulls.p_value(k / n, utility)
        if not len(ranked):
            return p
        n_as_high = len(ranked) - int(np.searchsorted(ranked, k / n - _EQUAL))
        return max(p, (1 + n_as_high) / (1 + len(ranked)))

    figures: dict[str, Json] = {
        "n_triggers": n,
        "null_hits": [round(rate * n) for rate in nulls.near(utility)],
        "n_redrawn": len(ranked),
    }
    return _verdict(hits, n, p_value, level, figures)


def larger(paper: Verdict, null: Verdict) -> Verdict:
    """Return the verdict with the larger p-value of two on the same keys.

    The first is the paper's; but keys are those that one model could learn, and others of its kind
    may find them easier than chance says: so null models have their say.
    """
    return dataclasses.replace(
        max(paper, null, key=lambda verdict: verdict.p_value),
        threshold=max(paper.threshold, null.threshold),
        rule=Rule("mismatches < theta", paper.is_copy),
    )


def hit_nulls(null_hits: Sequence[int], n: int, reference: Reference = NO_REFERENCE) -> Nulls:
    """Return the shares of `n` triggers that null models hit, beside how useful they are."""
    return reference.nulls([hits / n for hits in null_hits], Rates("high", n))


def _verdict(
    hits: int, n: int, p_value: Callable[[int], float], level: float, figures: dict[str, Json]
) -> Verdict:
    accuracy, p = hits / n, p_value(hits)
    needed = bisect.bisect_left(range(n + 1), True, key=lambda k: p_value(k) <= level)
    return Verdict(
        is_copy=p <= level,
        p_value=p,
        statistic=accuracy,
        threshold=needed / n,
        name="TSA",
        copies="high",
        reason=f"{hits} of {n} triggers get the owner's label, {needed} are needed",
        rule=Rule("TSA > 0.5", accuracy > 0.5),
        figures=figures,
    )
