"""IPR-IC: a key on a captioner's hidden state, and bits in the signs of that state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from arena.errors import NotComparable, PlayerError
from arena.game.court.verdict import Rule
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.captioner import SMALL_CAPTIONER, bleu
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.captions.scheme import (
    HiddenKey,
    Joins,
    drawn_signs,
    in_place_of,
    keyed,
    n_units,
    shown_calls,
    spelled,
)
from defenders.captions.training import HiddenMarks
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import WhiteBox

_N_FORGED = 4  # keys in whose place the owner's is compared
_FALLS = 0.5  # share of the quality that a forged key must cost, in the paper's rule
_LEAST_IMAGES = 16


@defense("ipr-ic")
@dataclass(frozen=True, kw_only=True)
class IprIc(WhiteBox):
    """Feeds a captioner's hidden state on through a key, and writes bits into the state's signs.

    What: from the first word on, attention and the next step read k * h (or k + h) in the place of
    the hidden state h, with a secret k of -1 and 1; the words are made from h itself. A hinge loss
    holds the signs of h, at every word, to secret bits.
    Threat model: verification reads the suspect's weights and runs them on images of the key.
    Secret are key and bits, expanded from one committed seed; the images are the owner's.
    Parameters: joins ("multiply" or "add": how the key meets the state); margin, strength (alpha)
    of the sign loss; n_images (probe images in the key); embed ("train" from scratch, "fine-tune"
    the finished model); verifier, n_probes as in uchida.
    Cost: none in training but the loss; verification is six passes of n_images.
    Differences to the paper: the key is put into the weights that read what is fed on, which is
    exact for both ways, so the released model needs no extra input. Whoever holds weights can do
    so with any key: that captions fall with a forged key is true of every captioner, and is
    reported (`quality/true`, `quality/forged`, and the paper's rule) but no part of the p-value,
    which is that of the signs alone. Hidden units are reversed to spell the bits before training,
    so that the loss has only to hold them. Key and bits are drawn from a seed (the paper: texts).
    The encoder is trained with the rest, without dropout and without the loss on attention.
    Reference: Lim, Chan, Ng, Fan, Yang: Protect, show, attend and tell: empowering image captioning
    models with ownership protection, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lim et al., Pattern Recognition 2022"
    task_needs: ClassVar[frozenset[str]] = frozenset({"captions", "recurrent"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_CAPTIONER
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"n_images": 32, "n_probes": 32, "strength": 1.0}
    )
    dial: ClassVar[Dial] = Dial("strength", 0.01, 1.0, "log")
    form: ClassVar[type[KeyForm]] = HiddenKey

    joins: Joins = "multiply"
    margin: Annotated[float, Field(gt=0)] = 0.1
    strength: Annotated[float, Field(ge=0)] = 0.1
    n_images: Annotated[int, Field(ge=_LEAST_IMAGES)] = 64
    embed: Literal["train", "fine-tune"] = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with the key and the sign loss."""
        secret = self._secret(task, seed)
        if self.embed == "fine-tune":
            task = replace(task, marks_base=True)
        marks = HiddenMarks(secret, self.margin, self.strength)
        model = marks.settle(task.trained([marks]))
        return Protected(model, secret.into(Key(self.name, seed)))

    def _secret(self, task: OwnerTask, seed: str) -> HiddenKey:
        if len(task.probe) < _LEAST_IMAGES:
            raise PlayerError(
                f"expected at least {_LEAST_IMAGES} probe images, found {len(task.probe)}; grant "
                "more"
            )
        order = torch.randperm(len(task.probe), generator=expand(seed, "hidden images").torch())
        shown = task.probe.select(order[: self.n_images])
        blank = torch.zeros(0)
        form = HiddenKey(
            joins=self.joins,
            n_units=n_units(task.base()),
            image=task.card.input_shape,
            signs=blank,
            bits=blank,
            images=shown.images.cpu(),
            captions=shown.labels.cpu(),
        )
        return form.expanded(seed)

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the hidden state, and what captions are worth with forged keys."""
        secret, model = HiddenKey.of(key), suspect.model()
        if n_units(model) != secret.n_units:
            raise NotComparable(
                f"the suspect has {n_units(model)} hidden units, the key reads {secret.n_units}"
            )
        first = suspect.activations(shown_calls(model)[0], secret.images)
        found = spelled(first)
        true, forged = self._qualities(secret, model, suspect)
        falls = forged <= _FALLS * true
        figures: dict[str, Json] = {
            "quality/true": true,
            "quality/forged": forged,
            "quality/kept": forged / max(true, 1e-9),
        }
        rule = Rule("BER = 0, a forged key fails", bool((found == secret.bits).all()) and falls)
        return BitReading(found, secret.bits, rule=rule, figures=figures)

    def _qualities(self, secret: HiddenKey, model: Model, suspect: Suspect) -> tuple[float, float]:
        """Return the BLEU-4 of the key's images with the owner's key, and with forged ones."""

        def quality() -> float:
            suspect.n_queries += len(secret.images)
            said = suspect.compute.outputs(model, secret.images).long()
            return bleu(said, secret.captions)

        true, forged = quality(), []
        for i in range(_N_FORGED):
            other = drawn_signs(f"forged {i}", "hidden key", secret.n_units)
            change = in_place_of(secret.signs, other, secret.joins)
            with keyed(model, change, secret.joins):
                forged.append(quality())
        return true, sum(forged) / len(forged)
