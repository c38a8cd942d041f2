"""What all passport schemes have in common: keys, training with a branch, and the trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key, expand, random_bits
from arena.game.sides.defense import OwnerTask, Protected, Secret
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw
from arena.world.rng import Rng
from arena.world.training import Hook
from defenders.passports.branch import (
    LEAST_IMAGES,
    Affines,
    agreement,
    balanced,
    private_branch,
    responses,
)
from defenders.passports.layers import (
    N_SHUFFLED,
    PassportKind,
    PassportLayer,
    image_passports,
    passport_layers,
    places_of,
    shuffled_passports,
    uniform_passports,
)
from defenders.passports.training import (
    Branch,
    PrivateBranch,
    fresh_bottleneck,
    squeezed,
)
from defenders.weights.bit_error import Reading
from defenders.weights.readers import WhiteBox


@dataclass(frozen=True, kw_only=True)
class Passport(WhiteBox):
    """Ties a branch of the model to secret passports: base class of the four schemes.

    What: in passport layers scale and shift behind the normalisation are Avg(W * P): the mean
    response of the layer's own weights to a secret passport. Random bits are trained into the signs
    of the scales. Whoever claims the model shows passports and bits; both tests must hold on the
    suspect's own weights: the signs are the bits (a binomial test, whose p-value is the verdict's)
    and, with the passports in place, the model does what it does without them. Where the second
    fails p is 1: that can only make a false accusation rarer, so the p-value stays valid.
    Threat model: verification reads the suspect's weights and runs them on images of the key.
    Secret are passports and bits, expanded from one committed seed; `image` and `shuffle` passports
    and the images are the owner's data, and only their date speaks for them. A thief that
    `knows = ["passport"]` is given the passports.
    Parameters: n_layers (the last so many convolutions with a batch normalisation behind);
    passports ("random": uniform in [-1, 1]; "image": what an image of the owner's puts into the
    layer of the unprotected model; "shuffle": channels of 20 such maps, mixed); strength (alpha of
    the sign loss); tolerance (the share of images, mean over the classes, on which the branch may
    differ from the suspect: less than the 24 points by which the paper's own forgeries of the
    second kind fall short); n_images (at most so many probe images in the key; at least 64);
    verifier, n_probes as in uchida.
    Cost: a second forward and backward pass each step (none for V1); verification is three forward
    passes of n_images.
    Differences to the paper: batch normalisation, as the zoo has it, not group normalisation; the
    private branch is normalised by its own batches in training and by statistics of the key's
    images at the trial. It is compared with what the suspect itself says, for a claimant could
    state any accuracy and label images to suit it; accuracies stand in the figures and in the
    paper's rule. Two layers (three to five in the paper), as models here are small.
    Reference: Fan, Ng, Chan: Rethinking deep neural network ownership verification: embedding
    passports to defeat ambiguity attacks, 2019.
    Versions: 1.
    """

    dial: ClassVar[Dial] = Dial("strength", 0.01, 1.0, "log")
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "norm"})
    exposes: ClassVar[Secret] = "passport"
    squeezes: ClassVar[bool] = False

    n_layers: int = 2
    passports: PassportKind = "random"
    strength: float = 0.1
    tolerance: float = 0.2
    n_images: int = 256

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with the passports' branch."""
        places = passport_layers(task.base(), self.n_layers)
        settings = {"layers": [place.plain() for place in places], **self.described(task)}
        tensors = self._maps(task, places, seed) | self.material(seed, settings)
        branch = self.branch(places, tensors, seed)
        model = task.trained([branch, *self.more_hooks(tensors)])
        tensors |= _learnt(branch) | self._pictures(task, seed)
        key = Key(self.name, seed, settings, tensors)
        task.lab.meter.charge({"images_forward": 3 * len(tensors["shown/images"])})
        figures = self.read(key, Suspect.bare(model, task.lab.compute)).figures
        settings["claimed_accuracy"] = figures["private_accuracy"]
        return Protected(model, key)

    def described(self, task: OwnerTask) -> dict[str, Json]:
        """Return the settings of a key beside its layers."""
        return {"passports": self.passports}

    def more_hooks(self, tensors: Mapping[str, Tensor]) -> list[Hook]:
        """Return what else takes part in training."""
        return []

    def branch(
        self, places: Sequence[PassportLayer], tensors: Mapping[str, Tensor], seed: str
    ) -> Branch:
        """Return the term of training that ties the model to the passports."""
        passports = [tensors[f"passport/{i}"] for i in range(len(places))]
        nets = [
            fresh_bottleneck(expand(seed, f"passport bottleneck {i}"), place.n_bits)
            for i, place in enumerate(places if self.squeezes else ())
        ]
        return PrivateBranch(places, passports, tensors["bits"], self.strength, nets)

    def material(self, seed: str, settings: Mapping[str, Raw]) -> dict[str, Tensor]:
        """Return the bits and, where they are random, the passports."""
        places = places_of(settings)
        n_bits = sum(place.n_bits for place in places)
        tensors = {"bits": random_bits(expand(seed, "passport bits"), n_bits)}
        if settings["passports"] == "random":
            for i, place in enumerate(places):
                rng = expand(seed, f"passport {i}")
                tensors[f"passport/{i}"] = uniform_passports(rng, place.entry)
        return tensors

    def _maps(
        self, task: OwnerTask, places: Sequence[PassportLayer], seed: str
    ) -> dict[str, Tensor]:
        """Return passports made of images; nothing where they are random."""
        if self.passports == "random":
            return {}
        base, made = task.base(), {}
        for i, place in enumerate(places):
            rng = expand(seed, f"passport {i}")
            order = torch.randperm(len(task.probe), generator=rng.child("images").torch())
            images = task.probe.images[order[: 2 * N_SHUFFLED]]
            made[f"passport/{i}"] = (
                image_passports(base, images, place.conv)
                if self.passports == "image"
                else shuffled_passports(base, images, place.conv, rng)
            )
        return made

    def _pictures(self, task: OwnerTask, seed: str) -> dict[str, Tensor]:
        """Return the images on which suspects are compared with their private branch."""
        shown = balanced(task.probe, self.n_images, expand(seed, "passport images"))
        if len(shown) < LEAST_IMAGES:
            raise PlayerError(
                f"expected at least {LEAST_IMAGES} probe images, found {len(shown)}; grant more"
            )
        return {"shown/images": shown.images.cpu(), "shown/labels": shown.labels.cpu()}

    def exposed(self, key: Key) -> Bundle:
        """Return what runs the private branch: the passports and what is behind them."""
        names = ("passport/", "bottleneck/")
        tensors = {name: t for name, t in key.tensors.items() if name.startswith(names)}
        return Bundle({"layers": key.settings["layers"]}, tensors)

    def affines(self, key: Key, found: Affines) -> Affines:
        """Return scales and shifts as they are put in place."""
        if not self.squeezes:
            return found
        nets = [
            (key.tensors[f"bottleneck/{i}/0"].double(), key.tensors[f"bottleneck/{i}/1"].double())
            for i in range(len(found))
        ]
        pairs = zip(nets, found, strict=True)
        return [(squeezed(net, scale), squeezed(net, shift)) for net, (scale, shift) in pairs]

    def read(self, key: Key, suspect: Suspect) -> Reading:
        """Return the signs of the scales, and how the private branch does beside the suspect."""
        found = responses(key, suspect)
        model = private_branch(key, suspect, self.affines(key, found))
        images, labels = key.tensors["shown/images"], key.tensors["shown/labels"]
        private = suspect.compute.labels(model, images)
        public = suspect.compute.labels(suspect.model(), images)
        suspect.n_queries += 3 * len(images)
        accuracy = float((private == labels).double().mean())
        signs = torch.cat([scale for scale, _ in found]) > 0
        bits = key.tensors["bits"]
        claimed = float(key.settings.get("claimed_accuracy", accuracy))
        holds = bool((signs == bits.bool()).all()) and abs(accuracy - claimed) <= self.tolerance
        figures: dict[str, Json] = {
            "private_accuracy": accuracy,
            "public_accuracy": float((public == labels).double().mean()),
            "agreement": agreement(private, public, suspect.n_classes),
        }
        return Reading(
            signs, bits, rule=Rule("BER = 0, accuracy as claimed", holds), figures=figures
        )

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Judge the signs; where the private branch does not do what the suspect does, p is 1."""
        verdict = super().examine(key, suspect, rng)
        share = verdict.figures["agreement"]
        if share >= 1 - self.tolerance:
            return verdict
        return dataclasses.replace(
            verdict,
            is_copy=False,
            p_value=1.0,
            threshold=-1 / len(key.tensors["bits"]),  # no number of bits is enough
            reason=f"{verdict.reason}, but with the passports the model says the same as without "
            f"on a share of {share:.2f} only",
        )


def _learnt(branch: Branch) -> dict[str, Tensor]:
    nets = branch.nets if isinstance(branch, PrivateBranch) else ()
    return {
        f"bottleneck/{i}/{j}": weight.detach().cpu()
        for i, net in enumerate(nets)
        for j, weight in enumerate(net)
    }
