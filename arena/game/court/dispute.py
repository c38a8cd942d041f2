"""Disputes: somebody else claims the model, and the referee decides between two keys.

It reveals, re-derives, orders by time, compares with models that it trained itself, and gives its
reasons in words.

A standard of proof is a set of checks; the scheme's `protocol` names it and it binds both sides.
Sources: Adi et al., USENIX Security 2018 (commit before, open in a dispute); Liu et al., USENIX
Security 2024 (why a date alone proves nothing, and the judge's own models).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from arena.game.court.nulls import Nulls, NullTest, Values
from arena.game.court.statistics import binomial_tail
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import PUBLICATION, Entry, Key, Register, drawn_seed, prf_labels
from arena.game.sides.defense import Defense, StandardOfProof
from arena.game.sides.deliverable import Claim
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng

ProofCheck = Literal["timestamp", "prf-labels", "seeded", "nulls", "bound", "lineage"]
CHECKS: dict[StandardOfProof, frozenset[ProofCheck]] = {
    "none": frozenset(),
    "timestamp": frozenset({"timestamp"}),
    "prf-labels": frozenset({"prf-labels"}),
    "seeded": frozenset({"seeded"}),
    "nulls": frozenset({"nulls"}),
    "bound": frozenset({"timestamp", "bound"}),
    "lineage": frozenset({"timestamp", "bound", "lineage"}),
    "full": frozenset({"timestamp", "seeded", "nulls", "bound", "lineage"}),
}
_N_PROBES = 256  # inputs of noise on which models are compared


@dataclass(frozen=True)
class Party:
    """One side of a dispute: its scheme, its key, and a model that it shows as its earlier work."""

    defense: Defense
    key: Key
    earlier: Model | None = None


@dataclass(frozen=True)
class Ruling:
    """How a dispute ended: `reasons` are sentences, `failed` the checks that sank the claim."""

    winner: Literal["owner", "claimant"]
    reasons: tuple[str, ...]
    failed: tuple[str, ...] = ()
    claim_p_value: float = 1.0


@dataclass
class Court:
    """What the referee judges with: the model in dispute, the register, its own models."""

    suspect: Suspect
    register: Register
    nulls: Sequence[Suspect]
    rng: Rng
    checks: frozenset[ProofCheck]
    utility: float | None = None  # of the suspect; with `utilities`, what nulls are matched by
    utilities: Sequence[float] = ()
    failed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def rule(self, owner: Party, claimant: Party) -> Ruling:
        """Decide between the owner and a claimant.

        A claim that passes every check of the standard wins unless the owner's key passes them too
        and was committed earlier: without timestamps nobody can say who was first, and the judge
        has no ground to send the claimant away.
        """
        try:
            verdict = self._examined(claimant)
        except Exception as error:  # the key is the claimant's word: what it breaks, it answers for
            self._fail("form", f"the claimed key cannot be read ({type(error).__name__}: {error})")
            return self._ruling("owner", Verdict.unreadable("malformed key"))
        if self.failed:
            return self._ruling("owner", verdict)
        self.reasons.append(f"the claimed key verifies (p = {verdict.p_value:.2g})")
        if "timestamp" in self.checks and self._owner_is_earlier(owner, claimant):
            self.failed.append("order")
            return self._ruling("owner", verdict)
        if "timestamp" not in self.checks:
            self.reasons.append("nothing dates either key, so the claim cannot be sent away")
        return self._ruling("claimant", verdict)

    def _examined(self, claimant: Party) -> Verdict:
        """Put the claimed key through verification and every check of the standard."""
        verdict = self._verify(claimant)
        if not verdict.is_copy:
            self._fail("verification", f"the claimed key does not verify: {verdict.reason}")
        for check in sorted(self.checks):
            self._check(check, claimant, verdict)
        return verdict

    def _ruling(self, winner: Literal["owner", "claimant"], verdict: Verdict) -> Ruling:
        return Ruling(winner, tuple(self.reasons), tuple(self.failed), verdict.p_value)

    def _verify(self, party: Party) -> Verdict:
        return party.defense.verify(party.key, self.suspect, self.rng.child("verify"))

    def _fail(self, check: str, reason: str) -> None:
        self.failed.append(check)
        self.reasons.append(reason)

    def _check(self, check: ProofCheck, party: Party, verdict: Verdict) -> None:
        checks: dict[ProofCheck, Callable[[Party, Verdict], str]] = {
            "timestamp": self._timestamp,
            "seeded": _seeded,
            "prf-labels": _prf_labels,
            "nulls": self._nulls,
            "bound": self._bound,
            "lineage": self._lineage,
        }
        reason = checks[check](party, verdict)
        if reason:
            self._fail(check, reason)

    def _entry(self, party: Party) -> Entry | None:
        return self.register.earliest(party.key.commitment())

    def _timestamp(self, party: Party, _verdict: Verdict) -> str:
        entry = self._entry(party)
        if entry is None:
            return "the claimed key was never committed"
        if entry.time > PUBLICATION:
            return "the claimed key was committed only after the model was published"
        return ""

    def _nulls(self, party: Party, verdict: Verdict) -> str:
        verdicts = [
            party.defense.verify(party.key, null, self.rng.child("null", i))
            for i, null in enumerate(self.nulls)
        ]
        read = {i: found.statistic for i, found in enumerate(verdicts) if not found.withheld}
        test = party.defense.null_test(party.key, verdict.copies)
        null, hits = self._null(read, test), sum(v.is_copy for v in verdicts)
        p = null.p_value(verdict.statistic)
        level = party.defense.level
        # Nulls that agree to the last digit allow the rank test only, which ends at 1 / (1 + n).
        alike = len(null.values) > 1 and len(set(null.values)) == 1
        limit = 1 / (1 + len(null.values)) if alike else level
        if p <= limit and binomial_tail(hits, len(read), level) > level:
            return ""
        return (
            f"the claimed key says as much of {hits} of {len(read)} independent models "
            f"that the referee trained (p = {p:.2g} against them)"
        )

    def _bound(self, party: Party, _verdict: Verdict) -> str:
        entry = self._entry(party)
        if entry is None or not entry.model:
            return "the commitment is not bound to a model that the claimant had then"
        if party.earlier is None or party.earlier.digest() != entry.model:
            return "the claimant cannot show the model to which the commitment is bound"
        shown = Suspect.bare(party.earlier, self.suspect.compute)
        if not party.defense.verify(party.key, shown, self.rng.child("earlier")).is_copy:
            return "the claimed key does not verify on the model to which it is bound"
        return ""

    def _lineage(self, party: Party, _verdict: Verdict) -> str:
        """Ask whether the model in dispute was made from the one that the claimant shows.

        On noise, which nobody trained on, independent models answer differently, and what descends
        from a model still answers much as it does.
        """
        suspect, earlier = self.suspect, party.earlier
        if earlier is None or suspect.kind.mismatch(earlier.card, suspect.card):
            return "the claimant shows no earlier model from which this one could have been made"
        kind, rng = suspect.kind, self.rng.child("noise")
        noise = kind.probes(suspect.card, _N_PROBES, rng)
        answers = kind.serve(earlier, noise, suspect.compute, rng.child("earlier"))
        values = {
            i: kind.likeness(null.answer(noise), answers) for i, null in enumerate(self.nulls)
        }
        found = kind.likeness(suspect.answer(noise), answers)
        p = self._null(values, Values("high")).p_value(found)
        if p <= party.defense.level:
            return ""
        return (
            "the model in dispute is no more like the model that the claimant shows than "
            f"{len(values)} independent models are (p = {p:.2g})"
        )

    def _null(self, values: Mapping[int, float], test: NullTest) -> Nulls:
        """Return what the referee's models show that are as useful as the model in dispute.

        Args:
            values: of a statistic, by the number of the model.
            test: how rare a value is among them.
        """
        utilities = tuple(self.utilities[i] for i in values) if self.utilities else ()
        near = Nulls(tuple(values.values()), utilities, test).near(self.utility)
        return Nulls(near, (), test)

    def _owner_is_earlier(self, owner: Party, claimant: Party) -> bool:
        mine, theirs = self._entry(owner), self._entry(claimant)
        if mine is None or theirs is None or not self._verify(owner).is_copy:
            self.reasons.append("the owner has no dated key that verifies on this model")
            return False
        earlier = mine.time < theirs.time
        word = "earlier" if earlier else "later"
        self.reasons.append(f"the owner's key verifies too and was committed {word}")
        return earlier


def _seeded(party: Party, _verdict: Verdict) -> str:
    again = party.defense.rederive(party.key) if party.key.seed else None
    if again is None:
        return "the claimed key is not expanded from a seed"
    if again.commitment() != party.key.commitment():
        return "the claimed key is not what its seed expands to"
    return ""


def _prf_labels(party: Party, _verdict: Verdict) -> str:
    triggers = party.defense.drawn_triggers(party.key)
    if triggers is None:
        return ""  # the check speaks of drawn labels only: those of a fingerprint are answers
    given = prf_labels(drawn_seed(party.key), triggers.images, triggers.n_classes)
    if not torch.equal(given, triggers.labels):
        return "the labels are not the ones that the seed gives to these images"
    return ""


def claimant_of(claim: Claim, defense: Defense) -> Party:
    """Return the claiming side of a dispute.

    Evidence comes from a log that the referee kept; a claimant served nobody, so none is heard.
    """
    return Party(defense, claim.key.without_evidence(), claim.earlier)
