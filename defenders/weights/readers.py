"""What marks in weights and activations share: how they are embedded, and two levels of reading.

`literal` reads a suspect's layers by index, as the papers do: shuffled channels hide a mark, and
layers of another width cannot be read. `aligned` first brings the suspect back to the owner's
model: channels are matched by what they do on secret probes, copies merged, dead and cancelling
units dropped, signs and scales undone.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from arena.errors import NotComparable
from arena.game.court.nulls import ENOUGH
from arena.game.court.verdict import Verdict
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook
from defenders.weights.alignment import aligned, sight
from defenders.weights.bit_error import BitReading, reading_verdict

Verifier = Literal["literal", "aligned"]
Embed = Literal["train", "fine-tune", "distil"]


@dataclass(frozen=True, kw_only=True)
class NullMatches(KeyForm):
    """What a calibrated reading keeps: for each verifier, the matches of independent models."""

    null_matches: Mapping[str, Sequence[int]] = field(default_factory=dict)


def embedded(task: OwnerTask, hooks: Sequence[Hook], how: Embed) -> Model:
    """Return a model with the hooks' mark: trained from scratch, fine-tuned, or distilled.

    "fine-tune" runs the task's recipe once more from the unprotected twin; "distil" does so with
    the twin's own answers in the place of labels. Source: Uchida et al. 2017, section 2.
    """
    if how == "train":
        return task.trained(hooks)
    task = dataclasses.replace(task, marks_base=True)
    if how == "fine-tune":
        return task.trained(hooks)
    images = task.data.images
    answers = task.lab.logits(task.base(), images)
    recipe = task.recipe.but(loss="distillation")
    return task.trained(hooks, recipe, Examples(images, answers))


@dataclass(frozen=True, kw_only=True)
class WhiteBox(Defense):
    """Base class of marks in weights and activations: subclasses mark a model and read it again.

    Fields: `verifier`, the level of reading; `n_probes`, the images that channels are matched by.
    Class attributes: `form`, of the scheme's keys; `learns`, whether reading rests on a trained
    extractor. Such a reading, and every aligned one (a marked model is what suspects are brought
    to), is not read without null models. Where there are six, every reading is judged against them
    as well as by the binomial test: over keys the test is exact, but under one key all models may
    say the same.
    """

    reads: ClassVar[Output] = "weights"
    uses_nulls: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset({"weights"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("BER", "low")
    form: ClassVar[type[KeyForm]]
    learns: ClassVar[bool] = False

    verifier: Verifier = "literal"
    n_probes: int = 256

    @abstractmethod
    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Return the marked model, and the key whose derivable part is expanded from the seed."""

    @abstractmethod
    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the bits that a key finds in a suspect, by index; may raise `NotComparable`."""

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the task must offer: null models where readings are calibrated."""
        extra: frozenset[str] = frozenset({"nulls"} if self._calibrates else ())
        return self.task_needs | extra

    @property
    def readings(self) -> int:
        """Return in how many ways each null model is read."""
        return 1

    @property
    def _calibrates(self) -> bool:
        return self.learns or self.verifier == "aligned"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Mark a model; add to the key what the level of reading needs."""
        seed = fresh_seed(rng)
        marked = self.mark(task, seed, rng)
        key = marked.key
        if self.verifier == "aligned":
            key = sight(task, marked.model, seed, self.n_probes).into(key)
        found = self.null_matches(task, key, rng)
        if found or self._calibrates:
            matches: dict[str, Sequence[int]] = {self.verifier: found}
            key = NullMatches(null_matches=matches).into(key)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            key = dataclasses.replace(key, seed="")
        return Protected(marked.model, key)

    def null_matches(self, task: OwnerTask, key: Key, rng: Rng) -> list[int]:
        """Return the matches of independent models on which no part of the key was trained."""
        return self.matches_of(key, task.nulls())

    def matches_of(self, key: Key, suspects: Sequence[Suspect]) -> list[int]:
        """Return the matches of those suspects that can be read."""
        matches = []
        for suspect in suspects:
            with contextlib.suppress(NotComparable):
                matches.append(self._shown(key, suspect)[0].n_matches)
        return matches

    def _shown(self, key: Key, suspect: Suspect) -> tuple[BitReading, dict[str, Json]]:
        if self.verifier == "literal":
            return self.read(key, suspect), {}
        model, figures = aligned(key, suspect)
        return self.read(key, model), figures

    def rederive(self, key: Key) -> Key:
        """Return the key with all that its seed expands to.

        A reference model, probes, and what was trained or measured are the owner's own and no seed
        gives them: a forger could make them to measure. Their date is what speaks for them.
        """
        return self.form.of(key).expanded(key.seed).into(key)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Read the bits at the scheme's level and judge them."""
        reading, figures = self._shown(key, suspect)
        nulls = NullMatches.of(key).null_matches.get(self.verifier, ())
        known = nulls if self._calibrates or len(nulls) >= ENOUGH * self.readings else None
        verdict = reading_verdict(reading, self.level, known, self.readings)
        return dataclasses.replace(verdict, figures={**verdict.figures, **figures})
