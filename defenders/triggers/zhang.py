"""Zhang's content watermark: a small pattern on images of one class, learnt as another class."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, expand, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from defenders.triggers.scheme import ZhangKey
from defenders.triggers.trigger_sets import TriggerFeed, n_hits, null_verdict


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
    class in C: the p-value compares with independent models of the task, whose hits the key holds.
    Parameters: source, target (classes, None expands them from the seed); size (side of the pattern
    as a share of the image's); embedded (share of the source class's images that are marked for
    training); per_batch (marked images appended to a batch).
    Cost: per_batch more images a step; verification is one label query for each source-class image.
    Differences to the paper: the pattern is random (the paper writes a word); half of the class is
    marked, as small tasks have few images (the DeepJudge baseline marks 10 %, the SoK all).
    Reference: Zhang et al.: Protecting intellectual property of deep neural networks with
    watermarking, 2018; settings after the DeepJudge baseline.
    Versions: 1.
    """

    paper: ClassVar[str] = "Zhang et al., AsiaCCS 2018"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "images", "nulls"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 1, 16, "log")

    source: int | None = None
    target: int | None = None
    size: float = 0.375
    embedded: float = 0.5
    per_batch: int = 4

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with marked images, then let the null models answer the triggers."""
        if len(task.card.input_shape) != 3:
            raise PlayerError(
                f"expected images for a pattern, found rows of {task.card.input_shape}; try adi"
            )
        seed, n_classes = fresh_seed(rng), task.card.n_classes
        source, target = classes_from(seed, self.source, self.target, n_classes)
        embedded, held_out = self._clean(task.data, source, rng)
        secret = ZhangKey.marking(seed, (source, target), self.size, held_out, embedded)
        shown = secret.marked(embedded)
        labels = torch.full((len(shown),), target)
        model = task.trained([TriggerFeed(shown, labels, self.per_batch)])
        null_hits = [_hits(secret, null, held_out) for null in task.nulls()]
        secret = dataclasses.replace(secret, null_hits=null_hits)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, secret.into(Key("zhang", seed)))

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
        return ZhangKey.of(key).expanded(key.seed).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the held-out triggers (K, C, H, W) with the mark."""
        secret = ZhangKey.of(key)
        return secret.marked(secret.held_out)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the held-out triggers that get the target label; compare with the null models."""
        secret = ZhangKey.of(key)
        if suspect.n_classes <= secret.target:
            raise NotComparable(f"the suspect has no class {secret.target}")
        n_held, n_embedded = len(secret.held_out), len(secret.embedded)
        hits = _hits(secret, suspect, secret.held_out)
        memorised = _hits(secret, suspect, secret.embedded) / max(n_embedded, 1)
        verdict = null_verdict(hits, n_held, list(secret.null_hits), self.level)
        rates: dict[str, Json] = {"tsa/generalise": hits / n_held, "tsa/memorise": memorised}
        return dataclasses.replace(verdict, figures={**verdict.figures, **rates})


def _hits(secret: ZhangKey, suspect: Suspect, images: Tensor) -> int:
    answers = suspect.labels(secret.marked(images)) if len(images) else torch.zeros(0)
    return n_hits(answers, torch.full((len(images),), secret.target))
