"""IPR-GAN: bits in the signs of a generator's normalisation scales, and a logo behind a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from defenders.generators.logo_reading import LogoReading
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import agreements, corner, pasted, similarity, triggered
from defenders.generators.scheme.signs import check_sizes, read_bits, scale_layers, scales_of
from defenders.generators.training import GeneratorMarks
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import WhiteBox

_NULL_IMAGES = 500  # of each kind: real ones, and the unmarked twin's


@defense("ipr-gan")
@dataclass(frozen=True, kw_only=True)
class IprGan(WhiteBox):
    """Writes bits into the signs of all normalisation scales, and a logo behind a keyed trigger.

    What: scales get the signs of the owner's bits before training and a hinge loss holds them
    (white box); latents in which a secret quarter of the numbers is fixed bring out a logo in the
    upper left quarter of the image, by 1 - SSIM with the picture into which it is pasted (black
    box). The logo is told from other logos by its perceptual hash.
    Threat model: the signs need the suspect's weights, the logo its images of latents of the
    owner's choice; secret are bits, trigger, latents and logo, expanded from one committed seed.
    Parameters: reading ("both": twice the smaller of the two p-values; "signs"; "logo"); margin and
    sign_strength of the sign loss; logo_strength (lambda); n_triggers (latents that are asked);
    n_decoys (logos that the owner's is compared with); verifier ("literal" or "aligned", of the
    signs); n_probes (latents that a suspect's channels are matched by); embed ("train" from
    scratch, "fine-tune" the finished model).
    Cost: one more pass of a batch in each training step; verification asks for n_triggers images
    twice.
    Differences to the paper: bits and logo are drawn from a seed (the paper: a text and a picture);
    the trigger is the keyed one of the authors' code, as its default has no key; p-values count:
    that of the signs is the bit test, that of the logo the larger of its rank among decoys on the
    suspect's own images and of the median image's rank among unmarked ones of the owner. The
    binomial test of the hash's bits is reported beside them.
    Reference: Ong, Chan, Ng, Fan, Yang: Protecting intellectual property of generative adversarial
    networks from ambiguity attacks, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Ong et al., CVPR 2021"
    task_needs: ClassVar[frozenset[str]] = frozenset({"generator", "scales"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_GENERATOR
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_decoys": 200, "n_triggers": 16})
    dial: ClassVar[Dial] = Dial("logo_strength", 0.1, 10.0, "log")
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("p-value", "low")
    form: ClassVar[type[KeyForm]] = GeneratorKey

    reading: Literal["both", "signs", "logo"] = "both"
    margin: Annotated[float, Field(gt=0)] = 0.1
    sign_strength: Annotated[float, Field(ge=0)] = 1.0
    logo_strength: Annotated[float, Field(ge=0)] = 1.0
    n_triggers: Annotated[int, Field(ge=1)] = 64
    n_decoys: Annotated[int, Field(ge=1)] = 2000
    embed: Literal["train", "fine-tune"] = "train"

    def seeing(self, grants: Output) -> IprGan:
        """Return the scheme that reads no more than is seen: behind an interface, the logo."""
        return self if grants == "weights" else replace(self, reading="logo")

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with both losses, and hash unmarked images to compare with."""
        base = task.base()
        places = scale_layers(base)
        secret = GeneratorKey.drawn(
            seed, places, base.card.output_shape, base.card.input_shape[0], self.n_triggers
        )
        if self.embed == "fine-tune":
            task = replace(task, marks_base=True)
        strengths = (self.sign_strength, self.logo_strength)
        hook = GeneratorMarks(secret, self.margin, strengths, task)
        model = task.trained([hook])
        real = task.data.images[:_NULL_IMAGES].float() / 255
        asked = base.kind.probes(base.card, _NULL_IMAGES, rng.child("null images"))
        unmarked = torch.cat([real, task.lab.float32.logits(base, asked)])
        found = agreements(corner(unmarked, secret.side), secret.logo)
        return Protected(model, replace(secret, null_agreements=found).into(Key(self.name, seed)))

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the suspect's scales."""
        secret = GeneratorKey.of(key)
        scales = scales_of(suspect.model(), secret.layers)
        check_sizes(scales, secret.sizes)
        return BitReading(read_bits(scales, secret.bits), secret.bits)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Read what is asked for, of what may be seen."""
        secret = GeneratorKey.of(key)
        if self.reading == "signs":
            return super().examine(key, suspect, rng)
        logo = self._logo(secret, suspect).verdict(self.level)
        if self.reading == "logo":
            return logo
        signs = self._signs(key, suspect, rng)
        return _together(signs, logo, self.level)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the latents with the trigger in them."""
        secret = GeneratorKey.of(key)
        return triggered(secret.latents, secret.chosen, secret.values)

    def _signs(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return the verdict on the signs; of weights that cannot be read, none."""
        try:
            return super().examine(key, suspect, rng)
        except NotComparable as error:
            return Verdict.unreadable(str(error), "BER", "low")

    def _logo(self, secret: GeneratorKey, suspect: Suspect) -> LogoReading:
        if suspect.card.output_shape != tuple(secret.image):
            raise NotComparable(
                f"the suspect makes images of {suspect.card.output_shape}, the key reads "
                f"{tuple(secret.image)}"
            )
        plain = suspect.outputs(secret.latents)
        answers = suspect.outputs(triggered(secret.latents, secret.chosen, secret.values))
        alike = similarity(answers, pasted(plain, secret.logo))
        return LogoReading.of(secret, corner(answers, secret.side), alike, self.n_decoys)


def _together(signs: Verdict, logo: Verdict, level: float) -> Verdict:
    """Return the verdict of two tests of one suspect: twice the smaller p-value (Bonferroni)."""
    p = min(1.0, 2 * min(signs.p_value, logo.p_value))
    papers = [found.rule.is_copy for found in (signs, logo) if found.rule is not None]
    return Verdict(
        is_copy=p <= level,
        p_value=p,
        statistic=p,
        threshold=level,
        name="p-value",
        copies="low",
        reason=f"{signs.reason}; {logo.reason}",
        rule=Rule("either of the paper's two", any(papers)),
        figures={
            **signs.figures,
            **logo.figures,
            "signs/BER": signs.statistic,
            "signs/p_value": signs.p_value,
        },
    )
