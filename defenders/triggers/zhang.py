"""Zhang's content watermark: a small pattern on images of one class, learnt as another class."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.reference import Reference
from arena.game.court.verdict import Verdict
from arena.game.rules.key_form import Checked
from arena.game.rules.keys import Key, drawn_seed, expand, first_fair, fresh_seed, redrawn
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from arena.world.training import Hook
from defenders.triggers.keys_beside import is_quiet, quiet_rates, rates
from defenders.triggers.scheme import ZhangKey
from defenders.triggers.trigger_sets import TriggerFeed, hit_nulls, n_hits, null_verdict

_BESIDE = 1000  # the number of the first redraw that is no candidate for the key
_FEW = 24  # images by which null models answer each of these


def classes_from(seed: str, source: int | None, target: int | None, n: int) -> tuple[int, int]:
    """Return the source and the target class: as given, or expanded from a seed; never the same."""
    draw = expand(seed, "zhang classes").numpy().permutation(n).tolist()
    source = next(c for c in draw if c != target) if source is None else source
    target = next(c for c in draw if c != source) if target is None else target
    if source == target or not 0 <= min(source, target) <= max(source, target) < n:
        raise PlayerError(
            f"expected two different classes below {n}, found source {source} and target {target}"
        )
    return source, target


@defense("zhang")
@dataclass(frozen=True, kw_only=True)
class Zhang(Defense):
    """Teaches the model that one class's images with a small pattern belong to another class.

    What: pattern, corner and classes are expanded from one committed seed. Part of the source
    class's images are marked and embedded; the rest, never shown with the mark, are the triggers
    by which a suspect is judged. Both accuracies are recorded: tsa/generalise and tsa/memorise.
    Threat model: verification asks for labels. All triggers share one label, so chance is not one
    class in C: the p-value compares with independent models under this key, and with those that are
    as useful as the suspect under others that might have been drawn: weak ones give one label to
    whole classes under many of these, which says nothing of a suspect that is not weak.
    Parameters: source, target (classes, None expands them from the seed); size (side of the pattern
    as a share of the image's); embedded (share of the source class's images that are marked for
    training); per_batch (marked images appended to a batch); n_beside (other keys that the null
    models answer: the least p-value is one over their number times that of the models).
    Cost: per_batch more images a step, and n_beside * 24 images for each null model; verification
    is one label query for each source-class image and for each of the exam.
    Differences to the paper: the pattern is random (the paper writes a word); half of the class is
    marked, as small tasks have few images (the DeepJudge baseline marks 10 %, the SoK all); its
    side is a share of the image's, so that it is the same at every size.
    Reference: Zhang et al.: Protecting intellectual property of deep neural networks with
    watermarking, 2018; settings after the DeepJudge baseline.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Zhang et al., AsiaCCS 2018"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "images", "nulls"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 1, 16, "log")
    form: ClassVar[type[ZhangKey]] = ZhangKey

    source: int | None = None
    target: int | None = None
    size: float = 0.375
    embedded: float = 0.5
    per_batch: int = 4
    n_beside: int = 200

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with marked images, then let the null models answer the triggers."""
        seed, nulls = fresh_seed(rng), task.nulls()

        def is_fair(one: str) -> bool:
            drawn = self._drawn(task, one, rng)
            hits = [_hits(drawn, null, drawn.held_out) for null in nulls]
            return is_quiet(hits, len(drawn.held_out))

        n_redraws = first_fair(is_fair, seed)
        secret = self._drawn(task, redrawn(seed, n_redraws), rng)
        model = task.trained([self.feed(task, secret)])
        null_hits = [_hits(secret, null, secret.held_out) for null in nulls]
        beside = rates(list(self._beside(task, seed, rng)), nulls)
        checked = Checked(redraws=n_redraws, null_hits=null_hits)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        key = checked.into(secret.into(Key(self.name, seed, {}, {"beside": beside})))
        return Protected(model, task.reference(nulls).into(key))

    def feed(self, task: OwnerTask, secret: ZhangKey) -> Hook:
        """Return what teaches the mark: marked images with the target class, in every batch."""
        shown = secret.marked(secret.embedded)
        return TriggerFeed(shown, torch.full((len(shown),), secret.target), self.per_batch)

    def _drawn(self, task: OwnerTask, seed: str, rng: Rng) -> ZhangKey:
        """Return what a seed expands to, without what null models say of it."""
        source, target = classes_from(seed, self.source, self.target, task.card.n_classes)
        embedded, held_out = self._clean(task.data, source, rng)
        return self.form.marking(seed, (source, target), self.size, held_out, embedded)

    def _beside(self, task: OwnerTask, seed: str, rng: Rng) -> Iterator[tuple[Tensor, int]]:
        """Yield a few triggers of keys that might have been drawn, and the label of each."""
        for i in range(self.n_beside):
            with contextlib.suppress(PlayerError):  # a class without images to hold out
                other = self._drawn(task, redrawn(seed, _BESIDE + i), rng)
                yield other.marked(other.held_out[:_FEW]), other.target

    def _clean(self, data: Dataset, source: int, rng: Rng) -> tuple[Tensor, Tensor]:
        """Return the source class's images without the mark: those to embed, and the held-out."""
        images = data.images[data.labels == source].cpu()
        n_embedded = round(len(images) * self.embedded)
        if not 0 < n_embedded < len(images):
            raise PlayerError(
                f"expected images of class {source} to mark and to hold out, found {len(images)}; "
                "choose another source class or share"
            )
        order = torch.randperm(len(images), generator=rng.child("held-out").torch())
        return images[order[:n_embedded]], images[order[n_embedded:]]

    def rederive(self, key: Key) -> Key:
        """Return the key with the pattern and corner that the seed expands to."""
        return self.form.of(key).expanded(drawn_seed(key)).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the held-out triggers (K, C, H, W) with the mark."""
        secret = self.form.of(key)
        return secret.marked(secret.held_out)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the held-out triggers that get the target label; compare with the null models."""
        secret = self.form.of(key)
        if suspect.n_classes <= secret.target:
            raise NotComparable(f"the suspect has no class {secret.target}")
        n_held, n_embedded = len(secret.held_out), len(secret.embedded)
        hits = _hits(secret, suspect, secret.held_out)
        memorised = _hits(secret, suspect, secret.embedded) / max(n_embedded, 1)
        reference, null_hits = Reference.read(key), secret.null_hits
        utility, nulls = reference.utility_of(suspect), hit_nulls(null_hits, n_held, reference)
        beside = key.tensors.get("beside", torch.zeros(len(null_hits), 0))
        others = quiet_rates(beside, nulls.around(utility))
        verdict = null_verdict(hits, n_held, nulls, self.level, others, utility)
        told: dict[str, Json] = {"tsa/generalise": hits / n_held, "tsa/memorise": memorised}
        figures = {**verdict.figures, **told}
        return dataclasses.replace(verdict, figures=figures, reference=reference.title)


def _hits(secret: ZhangKey, suspect: Suspect, images: Tensor) -> int:
    answers = suspect.labels(secret.marked(images)) if len(images) else torch.zeros(0)
    return n_hits(answers, torch.full((len(images),), secret.target))
