"""What all passport schemes have in common: keys, training with a branch, and the trial."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, cast

import torch

from arena.errors import PlayerError
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.key_form import KeyForm, Tensors
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import OwnerTask, Protected
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook
from defenders.passports.branch import (
    LEAST_IMAGES,
    Affines,
    agreement,
    balanced,
    private_branch,
    put_in_place,
    responses,
)
from defenders.passports.layers import (
    N_SHUFFLED,
    image_passports,
    passport_layers,
    shuffled_passports,
)
from defenders.passports.scheme import (
    PassportKey,
    PassportKind,
    PassportLayer,
    Passports,
    drawn_bits,
    drawn_passports,
    uniform_passports,
)
from defenders.passports.training import Branch, PrivateBranch, fresh_bottleneck
from defenders.weights.bit_error import BitReading
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
    exposes: ClassVar[str] = "passport"
    form: ClassVar[type[KeyForm]] = PassportKey
    strictness: ClassVar[frozenset[str]] = frozenset({"level", "tolerance"})
    squeezes: ClassVar[bool] = False

    n_layers: int = 2
    passports: PassportKind = "random"
    strength: float = 0.1
    tolerance: float = 0.2
    n_images: int = 256

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with the passports' branch."""
        places = passport_layers(task.base(), self.n_layers)
        pictures = self._pictures(task, seed)
        secret = PassportKey(
            layers=places,
            maps=self._maps(task, places, seed),
            source=self.passports,
            bits=drawn_bits(seed, places),
            images=pictures.images.cpu(),
            labels=pictures.labels.cpu(),
        )
        branch = self.branch(secret, seed)
        model = task.trained([branch, *self.more_hooks(task, seed)])
        secret = dataclasses.replace(secret, bottlenecks=_learnt(branch))
        key = self.completed(task, secret.into(Key(self.name, seed)))
        task.lab.meter.charge({"images_forward": 3 * len(secret.images)})
        shown = self.read(key, Suspect.bare(model, task.lab.compute))
        accuracy = cast(float, shown.figures["private_accuracy"])
        secret = dataclasses.replace(secret, claimed_accuracy=accuracy)
        return Protected(model, secret.into(key))

    def more_hooks(self, task: OwnerTask, seed: str) -> list[Hook]:
        """Return what else takes part in training."""
        return []

    def completed(self, task: OwnerTask, key: Key) -> Key:
        """Return the key with what it holds beside passports."""
        return key

    def branch(self, secret: PassportKey, seed: str) -> Branch:
        """Return the term of training that ties the model to the passports."""
        passports = [maps for _, maps in secret.pairs()]
        nets = [
            fresh_bottleneck(expand(seed, f"passport bottleneck {i}"), place.n_bits)
            for i, place in enumerate(secret.layers if self.squeezes else ())
        ]
        return PrivateBranch(secret.layers, passports, secret.bits, self.strength, nets)

    def _maps(self, task: OwnerTask, places: tuple[PassportLayer, ...], seed: str) -> Tensors:
        """Return the passports of each layer."""
        if self.passports == "random":
            return drawn_passports(seed, places)
        base, made = task.base(), {}
        for i, place in enumerate(places):
            rng = expand(seed, f"passport {i}")
            order = torch.randperm(len(task.probe), generator=rng.child("images").torch())
            images = task.probe.images[order[: 2 * N_SHUFFLED]]
            made[str(i)] = (
                image_passports(base, images, place.conv)
                if self.passports == "image"
                else shuffled_passports(base, images, place.conv, rng)
            )
        return made

    def _pictures(self, task: OwnerTask, seed: str) -> Dataset:
        """Return the images on which suspects are compared with their private branch."""
        shown = balanced(task.probe, self.n_images, expand(seed, "passport images"))
        if len(shown) < LEAST_IMAGES:
            raise PlayerError(
                f"expected at least {LEAST_IMAGES} probe images, found {len(shown)}; grant more"
            )
        return shown

    def exposed(self, key: Key) -> Bundle:
        """Return what runs the private branch: the passports and what is behind them."""
        secret = PassportKey.of(key)
        known = Passports(layers=secret.layers, maps=secret.maps, bottlenecks=secret.bottlenecks)
        return known.bundle()

    def trial_exposed(self, model: Model, examples: Examples, rng: Rng) -> Bundle:
        """Return random passports for the first convolution with a batch normalisation."""
        place = passport_layers(model, 1)[0]
        return Passports(layers=(place,), maps={"0": uniform_passports(rng, place.entry)}).bundle()

    def affines(self, secret: PassportKey, found: Affines) -> Affines:
        """Return scales and shifts as they are put in place."""
        return put_in_place(secret, found) if self.squeezes else found

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the scales, and how the private branch does beside the suspect."""
        secret = PassportKey.of(key)
        found = responses(secret, suspect)
        model = private_branch(secret, suspect, self.affines(secret, found))
        images, labels = secret.images, secret.labels
        private = suspect.compute.labels(model, images)
        public = suspect.compute.labels(suspect.model(), images)
        suspect.n_queries += 3 * len(images)
        accuracy = float((private == labels).double().mean())
        signs = torch.cat([scale for scale, _ in found]) > 0
        claimed = accuracy if secret.claimed_accuracy is None else secret.claimed_accuracy
        kept = abs(accuracy - claimed) <= self.tolerance
        holds = bool((signs == secret.bits.bool()).all()) and kept
        figures: dict[str, Json] = {
            "private_accuracy": accuracy,
            "public_accuracy": float((public == labels).double().mean()),
            "agreement": agreement(private, public, suspect.n_classes),
        }
        rule = Rule("BER = 0, accuracy as claimed", holds)
        return BitReading(signs, secret.bits, rule=rule, figures=figures)

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
            threshold=-1 / len(PassportKey.of(key).bits),  # no number of bits is enough
            reason=f"{verdict.reason}, but with the passports the model says the same as without "
            f"on a share of {share:.2f} only",
        )


def _learnt(branch: Branch) -> Tensors:
    nets = branch.nets if isinstance(branch, PrivateBranch) else ()
    return {
        f"{i}/{j}": weight.detach().cpu()
        for i, net in enumerate(nets)
        for j, weight in enumerate(net)
    }
