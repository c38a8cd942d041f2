"""Double claims: two keys verify on one model, and both are older than the dispute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import (
    References,
    answered,
    needs_references,
    needs_to_pose,
    posed,
    trained_references,
)
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Protected, defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe

_SCHEME = PlayerSpec(name="uchida")
_N_REFERENCES = 4


@dataclass(frozen=True, kw_only=True)
class DoubleClaim(Attack):
    """Marks a model with a key that was committed before the victim was published.

    What: base class of the two claimants. Both play the owner's part with a scheme's own code.
    Threat model: labelled own data, the scheme's name, a commitment before publication; no key.
    Parameters: scheme (any defender by name, with its settings); epochs, lr of Adam and batch
    (images) of the marking; own_epochs (of training a model of its own, or of tuning the base);
    reference_epochs (of training each of four models, for schemes that need null models).
    """

    scheme: PlayerSpec = _SCHEME
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    own_epochs: int = 30
    reference_epochs: int = 30

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the scheme needs, whose part is played."""
        return needs_to_pose(self.scheme)

    def references(self, access: Access, rng: Rng) -> References:
        """Return what the scheme's key is calibrated on, where it cannot do without."""
        n = _N_REFERENCES if needs_references(self.scheme) else 0
        recipe = self.recipe(self.reference_epochs)
        return trained_references(access, access.data(), recipe, n, rng)

    def marked(
        self, access: Access, base: Model, data: Dataset, references: References, rng: Rng
    ) -> Protected:
        """Return the base, fine-tuned with the scheme's mark; one stream gives one seed's key."""
        recipe, stream = self.recipe(self.epochs), rng.child("train")
        task = posed(access, base, data, recipe, stream, references)
        return defenses.make(self.scheme).protect(task, rng.child("mark"))

    def recipe(self, epochs: int) -> Recipe:
        """Return how models are trained."""
        return Recipe(lr=self.lr, epochs=epochs, batch=self.batch)

    def tuned(self, access: Access, model: Model, rng: Rng) -> Model:
        """Train a model on the own data, in place."""
        own = Examples.of(access.data())
        access.lab.train(model, own, self.recipe(self.own_epochs), rng.child("own"))
        return model


@attack("commit-then-buy")
@dataclass(frozen=True, kw_only=True)
class CommitThenBuy(DoubleClaim):
    """Commits to a key, then obtains the victim and embeds that key in it.

    What: the key is drawn and entered into the register before the victim exists, so no date
    speaks against it. Later the thief overwrites the stolen model with it and claims the result.
    A decoy is a model of the thief's own that bears the key as well: the commitment is bound to it,
    and it is shown as the earlier work.
    Threat model: weights, labelled own data, the scheme's name, a commitment before publication.
    Parameters: decoy; scheme (its whole key must follow from its seed); epochs, lr of Adam and
    batch (images) of both markings; own_epochs (of training the decoy); reference_epochs.
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps, and (own_epochs + epochs) *
    ceil(n / batch) for a decoy; four trainings of reference_epochs on four fifths of the data for
    schemes that cannot do without null models, once for both markings.
    Differences to the paper: none is known; the decoy is ours.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, S&P 2022
    (overwriting); Adi et al., USENIX Security 2018 (why a commitment must come first).
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="weights",
        data=1,
        data_labels=True,
        precommit=True,
        knows=frozenset({"scheme"}),
        deliverables=frozenset({"model", "claim"}),
    )
    dial: ClassVar[Dial] = Dial("lr", 1e-4, 1e-2, "log")

    decoy: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Commit, buy, mark, claim."""
        own = access.lab.build(access.card, rng.child("initial"))
        references = self.references(access, rng)
        early = replace(self, epochs=self.epochs if self.decoy else 0)
        if self.decoy:
            own = self.tuned(access, own, rng)
        before = early.marked(access, own, access.data(), references, rng)
        access.commit(before.key.commitment(), before.model.digest() if self.decoy else "")
        bought = access.model()
        after = self.marked(access, bought, answered(access, bought, rng), references, rng)
        if after.key.commitment() != before.key.commitment():
            raise PlayerError(
                f"expected keys that follow from their seed alone, those of {self.scheme.name} do "
                "not; name a scheme whose keys do"
            )
        earlier = before.model if self.decoy else None
        return Deliverable(after.model, claim=Claim(self.scheme, after.key, earlier))


@attack("second-owner")
@dataclass(frozen=True, kw_only=True)
class SecondOwner(DoubleClaim):
    """Claims the victim in good faith: both models were made from one public base.

    What: no thief at all, but an owner who fine-tuned the same public model on data of its own,
    protected the result, committed to the key, and takes the victim for a copy of it.
    Threat model: the public base, labelled own data, the scheme's name, a commitment before
    publication; it never looks at the victim.
    Parameters: own_epochs (of fine-tuning the base); scheme; epochs, lr of Adam and batch (images)
    of the marking; reference_epochs (the references are trained from scratch).
    Cost: 0 queries; (own_epochs + epochs) * ceil(n / batch) optimiser steps, and four trainings of
    reference_epochs on four fifths of the data for schemes that cannot do without null models.
    Differences to the paper: nobody published the case; it is an honest owner's double claim, where
    Adi et al. have a dishonest one.
    Reference: Adi et al.: Turning your weakness into a strength: watermarking deep neural networks
    by backdooring, USENIX Security 2018 (ambiguity and who came first).
    Versions: 1.
    """

    paper: ClassVar[str] = "after Adi et al., USENIX Security 2018"
    needs: ClassVar[ThreatModel] = ThreatModel(
        data=1,
        data_labels=True,
        precommit=True,
        knows=frozenset({"scheme", "base"}),
        deliverables=frozenset({"claim"}),
    )
    dial: ClassVar[Dial] = Dial("own_epochs", 1, 100, "log")

    own_epochs: int = 10

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fine-tune the base, protect it, commit, claim."""
        own = self.tuned(access, access.base(), rng)
        protected = self.marked(access, own, access.data(), self.references(access, rng), rng)
        access.commit(protected.key.commitment(), protected.model.digest())
        return Deliverable(claim=Claim(self.scheme, protected.key, protected.model))
