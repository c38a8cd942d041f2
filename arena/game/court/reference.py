"""The reference class of a verdict: which independent models a suspect is compared with.

A p-value holds for models like those that it was computed from. So a key keeps what its null models
are and how useful they are, on images on which any suspect's utility can be measured as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from arena.errors import MalformedKey, NoReference
from arena.game.court.nulls import Nulls, NullTest
from arena.game.rules.keys import Key
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.data import Dataset

N_EXAM = 200
"""Images on which utility is measured, at most: a query each."""
SAME = ("Neg-1", "Neg-2", "Neg-3", "given")
"""Kinds of the victim's own recipe: by the data that they learnt from, or brought as such."""
_ERRORS = 2.5  # standard errors by which a utility may lie outside of what the models cover
_NAME = "reference"


@dataclass(frozen=True)
class Reference:
    """Independent models: what they are, and how useful.

    Attributes:
        images: of the exam, (N, *input_shape). labels: their true classes, (N,).
        kinds: of each model: "Neg-1", "Neg-2", or what it differs by.
        utilities: of each model, the share of the exam that it answers right.
    """

    images: Tensor
    labels: Tensor
    kinds: tuple[str, ...]
    utilities: tuple[float, ...]

    @classmethod
    def measured(cls, probe: Dataset, models: Sequence[Suspect], kinds: Sequence[str]) -> Reference:
        """Return the reference class that some models make up.

        Args:
            probe: held-out images; the first ones of each class are the exam.
            models: independent of the victim.
            kinds: what each model is; "Neg-1" where it is not said.
        """
        chosen = _first_of_each_class(probe.labels, N_EXAM)
        named = (*kinds, *("Neg-1" for _ in models))[: len(models)]
        exam = cls(probe.images[chosen].cpu(), probe.labels[chosen].cpu(), tuple(named), ())
        utilities = tuple(exam.utility(model) for model in models)
        return cls(exam.images, exam.labels, exam.kinds, utilities)

    def utility(self, suspect: Suspect) -> float:
        """Return the share of the exam that a suspect answers right; one query an image.

        Raises:
            NotComparable: it takes other images, or answers other classes.
        """
        if not len(self.labels):
            return 0.0
        return float(suspect.right(suspect.kind.inputs(self.images), self.labels).mean())

    def nulls(self, values: Sequence[float], test: NullTest) -> Nulls:
        """Return what these models show of a statistic, beside how useful they are.

        Raises:
            MalformedKey: there are more or fewer values than models.
        """
        if self.utilities and len(values) != len(self.utilities):
            n = len(self.utilities)
            raise MalformedKey(f"expected a value of each of {n} null models, found {len(values)}")
        return Nulls(tuple(values), self.utilities, test)

    def utility_of(self, suspect: Suspect) -> float | None:
        """Return a suspect's utility where the models cover it; None where there are no models.

        Raises:
            NotComparable: as `utility`. NoReference: no model is as useful, or as useless.
        """
        if not self.utilities:
            return None
        found = self.utility(suspect)
        if not self.covers(found):
            low, high = min(self.utilities), max(self.utilities)
            raise NoReference(
                f"the suspect's accuracy is {found:.2f}, that of the {len(self.utilities)} "
                f"independent models {low:.2f} to {high:.2f}; train some that are as useful as it"
            )
        return found

    def covers(self, utility: float) -> bool:
        """Say whether a utility lies where the models' do, up to the errors of both.

        Both are measured on the same few images: 2.5 standard errors of their difference.
        """
        if not self.utilities:
            return False
        low, high = min(self.utilities), max(self.utilities)
        nearest = min(max(utility, low), high)
        errors = math.hypot(self._error(utility), self._error(nearest))
        return abs(utility - nearest) <= _ERRORS * errors

    def _error(self, utility: float) -> float:
        """Return the standard error of a utility that is measured on the exam."""
        n = len(self.labels)
        return math.sqrt(max(utility * (1 - utility), 1 / n) / n)

    def same(self) -> list[int]:
        """Return which models are of the victim's own recipe."""
        return [i for i, kind in enumerate(self.kinds) if kind in SAME]

    @property
    def title(self) -> str:
        """The reference class in words: how many models of which kinds, how useful."""
        if not self.kinds:
            return "no independent models"
        counted = "; ".join(f"{n} x {kind}" for kind, n in Counter(self.kinds).items())
        low, high = min(self.utilities), max(self.utilities)
        return (
            f"{len(self.kinds)} independent models ({counted}) of accuracy {low:.2f} to {high:.2f}"
        )

    def into(self, key: Key) -> Key:
        """Return a key that remembers this reference class beside what it holds."""
        told = self.bundle()
        settings, tensors = {**key.settings, **told.data}, {**key.tensors, **told.tensors}
        return replace(key, settings=settings, tensors=tensors)

    def bundle(self) -> Bundle:
        """Return the part of a key that holds the reference class."""
        settings = {"kinds": list(self.kinds), "utilities": list(self.utilities)}
        tensors = {f"{_NAME}-exam/images": self.images, f"{_NAME}-exam/labels": self.labels}
        return Bundle({f"{_NAME}_class": settings}, tensors)

    @classmethod
    def read(cls, key: Key) -> Reference:
        """Read the reference class of a key; one without models where the key has none."""
        settings = key.settings.get(f"{_NAME}_class")
        if settings is None:
            return NO_REFERENCE
        exam = Bundle({}, key.tensors).prefixed(f"{_NAME}-exam")
        return cls(
            exam["images"], exam["labels"], tuple(settings["kinds"]), tuple(settings["utilities"])
        )


NO_REFERENCE = Reference(torch.zeros(0), torch.zeros(0, dtype=torch.int64), (), ())
"""The reference class without a model."""


def _first_of_each_class(labels: Tensor, n: int) -> Tensor:
    """Return the indices of at most `n` images, as many of each class as there are."""
    rank = torch.zeros(len(labels), dtype=torch.int64)
    for label in labels.unique():
        mine = (labels.cpu() == label.cpu()).nonzero()[:, 0]
        rank[mine] = torch.arange(len(mine))
    return torch.argsort(rank, stable=True)[:n].sort().values
