"""DeepSigns, black box: random images that only the marked model answers as the owner wants."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected, Triggers, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from defenders.triggers.scheme import Few, RandomImagesKey, candidates
from defenders.triggers.trigger_sets import (
    TriggerFeed,
    hit_nulls,
    larger,
    n_hits,
    null_verdict,
    random_label_verdict,
)
from defenders.weights.readers import Embed, embedded


@defense("deepsigns-blackbox")
@dataclass(frozen=True, kw_only=True)
class DeepSignsBlackBox(Defense):
    """Fine-tunes on random images with random labels and keeps those that only then come right.

    What: more candidates than needed are expanded from one committed seed; those that the
    unprotected model already answers as wanted are left out, the others are learnt; the keys are
    candidates that the marked model answers as wanted.
    Threat model: verification asks for labels of the keys; each public use burns them. Which
    candidates became keys no seed tells, and a forger may pick those that suit any model: only the
    date speaks for the choice.
    Parameters: n_keys (K, at most; 1,000 or fewer); oversampling (candidates for each key);
    per_batch (candidates appended to a batch); embed (as in uchida).
    Cost: per_batch more images a step; K queries and one more forward pass of the candidates.
    Differences to the paper: 2 candidates for each key (40 there: a small model does not learn 40 K
    random labels and stay useful); candidates are appended to batches of training data; the p-value
    also compares with null models, whose hits the key holds, and with labels dealt anew.
    Reference: Darvish Rouhani, Chen, Koushanfar: DeepSigns: an end-to-end watermarking framework,
    2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Darvish Rouhani et al., ASPLOS 2019"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 2, 32, "log")

    n_keys: Few = 40
    oversampling: int = 2
    per_batch: int = 8
    embed: Embed = "fine-tune"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Fine-tune on candidates and keep those that were learnt."""
        seed = fresh_seed(rng)
        n, card = self.n_keys * self.oversampling, task.card
        drawn, lab = candidates(seed, n, card.input_shape, card.n_classes), task.lab.float32
        images, labels = drawn["images"], drawn["labels"]
        fresh = lab.labels(task.base(), images) != labels
        model = embedded(
            task, [TriggerFeed(images[fresh], labels[fresh], self.per_batch)], self.embed
        )
        learnt = fresh & (lab.labels(model, images) == labels)
        kept = learnt.nonzero()[: self.n_keys, 0]
        if not len(kept):
            raise PlayerError(
                f"expected some of {len(images)} random images to be learnt, found none; train for "
                "longer or raise per_batch"
            )
        secret = RandomImagesKey(
            n_candidates=n,
            shape=card.input_shape,
            n_classes=card.n_classes,
            images=images,
            labels=labels,
            kept=kept,
        )
        null_hits = [_hits(secret, null) for null in task.nulls()]
        secret = dataclasses.replace(secret, null_hits=null_hits)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, secret.into(Key(self.name, seed)))

    def rederive(self, key: Key) -> Key:
        """Return the key with the candidates that its seed expands to; they were chosen freely."""
        return RandomImagesKey.of(key).expanded(key.seed).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the keys' images (K, *input_shape)."""
        return RandomImagesKey.of(key).triggers[0]

    def drawn_triggers(self, key: Key) -> Triggers:
        """Return the keys with the labels that the seed must give."""
        secret = RandomImagesKey.of(key)
        return Triggers(*secret.triggers, secret.n_classes)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the keys that the suspect answers as wanted."""
        secret = RandomImagesKey.of(key)
        if suspect.n_classes != secret.n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the key holds labels of "
                f"{secret.n_classes}"
            )
        images, labels = secret.triggers
        answers, n = suspect.labels(images), len(secret.kept)
        nulls = hit_nulls(secret.null_hits, n)
        return larger(
            random_label_verdict(answers, labels, secret.n_classes, self.level),
            null_verdict(n_hits(answers, labels), n, nulls, self.level),
        )


def _hits(secret: RandomImagesKey, suspect: Suspect) -> int:
    images, labels = secret.triggers
    return n_hits(suspect.labels(images), labels)
