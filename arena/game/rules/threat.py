"""Threat models: what a thief may see, touch, know and spend. Frozen, and part of every record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from arena.errors import RegistryError, did_you_mean
from arena.world.bounds import COUNT, SECONDS
from arena.world.json_values import Frozen
from arena.world.kinds.interface import Interface, level

Form = Literal["model", "network", "api", "outputs", "claim"]
FORMS: Mapping[Form, str] = MappingProxyType(
    {
        "model": "a model",
        "network": "a network",
        "api": "an interface",
        "outputs": "outputs",
        "claim": "a claim",
    }
)
"""What a thief may deliver, in words."""
"""What may be delivered; a `network` is a model of the thief's own code, run in its sandbox."""
OF_THE_RULES = frozenset({"scheme", "base"})
"""What a thief may know by the rules: which scheme it is, and what the victim was made from."""

_QUERY_METERS = ("images_queried", "images_unique", "calls", "rounds", "bits_revealed")


class Spent(Frozen):
    """What every meter reads: what a player has spent in a match so far."""

    images_queried: float = 0.0  # every image that was answered, repeats included
    images_unique: float = 0.0  # distinct images after rounding to the input's type
    calls: float = 0.0  # calls of the interface
    rounds: float = 0.0  # queries that could depend on earlier answers
    bits_revealed: float = 0.0  # information in the answers
    steps: float = 0.0  # the player's own optimiser steps
    images_forward: float = 0.0
    images_backward: float = 0.0
    models: float = 0.0  # models built beside the suspect
    verifier_calls: float = 0.0
    wall_s: float = 0.0

    def of(self, meter: str) -> float:
        """Return the reading of a meter."""
        read: float = getattr(self, meter)
        return read


METERS = tuple(Spent.model_fields)


class Budget(Frozen):
    """The most that each meter may reach in a match; None is no limit."""

    images_queried: int | None = Field(None, ge=0, le=COUNT)
    images_unique: int | None = Field(None, ge=0, le=COUNT)
    calls: int | None = Field(None, ge=0, le=COUNT)
    rounds: int | None = Field(None, ge=0, le=COUNT)
    bits_revealed: float | None = Field(None, ge=0, le=COUNT)
    steps: int | None = Field(None, ge=0, le=COUNT)
    images_forward: int | None = Field(None, ge=0, le=COUNT)
    images_backward: int | None = Field(None, ge=0, le=COUNT)
    models: int | None = Field(None, ge=0, le=COUNT)
    verifier_calls: int | None = Field(0, ge=0, le=COUNT)
    wall_s: float | None = Field(None, gt=0, le=SECONDS)

    def of(self, meter: str) -> float | None:
        """Return the limit of a meter."""
        limit: float | None = getattr(self, meter)
        return limit


class ThreatModel(Interface):
    """What is granted to a thief; as `Attack.needs`, what an attack must be granted.

    The first fields are those of the victim's interface.
    """

    max_batch: int = Field(1000, ge=1, le=COUNT)  # images in one call
    data: float = Field(0.0, ge=0, le=1)  # share of the thief's split that is granted
    data_labels: bool = False  # with true classes
    pool: str = ""  # name of a public data set of another distribution
    transfer: str = ""  # name of a data set of another task, to move the model to
    architecture: bool = False  # the victim's architecture is known; whoever has weights knows it
    own_architecture: str = ""  # what the thief builds where it is not; "" is the kind's plain one
    # "scheme"; "base" (what the victim was made from); what a scheme exposes, by its name there
    knows: frozenset[str] = frozenset()
    precommit: bool = False  # may enter a commitment before the victim is published
    deliverables: frozenset[Form] = frozenset({"model"})
    budget: Budget = Budget()

    @property
    def secrets(self) -> frozenset[str]:
        """Return what is known beside the two words of the rules: what a scheme exposes."""
        return self.knows - OF_THE_RULES

    @property
    def knows_architecture(self) -> bool:
        """Return whether the thief can build the victim's architecture."""
        return self.architecture or self.output == "weights"

    def missing(self, needs: ThreatModel) -> list[str]:
        """Return what `needs` asks for and this threat model does not grant, in words."""
        lacks = []
        if level(needs.output) > level(self.output):
            lacks.append(f"output {needs.output!r} (granted: {self.output!r})")
        if level("nothing") < level(needs.output) < level("weights"):
            spent = [meter for meter in _QUERY_METERS if self.budget.of(meter) == 0]
            lacks += [f"a budget of {meter} above 0" for meter in spent]
        if needs.data > 0 and self.data == 0:
            lacks.append("own data")
        flags = ("data_labels", "real_inputs", "double", "precommit")
        lacks += [f.replace("_", " ") for f in flags if getattr(needs, f) and not getattr(self, f)]
        if needs.architecture and not self.knows_architecture:
            lacks.append("the architecture")
        sets = ("pool", "transfer")
        lacks += [f"a {n} data set" for n in sets if getattr(needs, n) and not getattr(self, n)]
        lacks += [f"knowledge of {what!r}" for what in sorted(needs.knows - self.knows)]
        lacks += [
            f"delivery of {FORMS[what]}" for what in sorted(needs.deliverables - self.deliverables)
        ]
        return lacks


PRESETS: dict[str, ThreatModel] = {
    "blackbox_label": ThreatModel(output="labels", data=1),
    "blackbox_probs": ThreatModel(output="probabilities", data=1),
    "blackbox_rounded": ThreatModel(output="probabilities", decimals=2, data=1),
    "datafree_probs": ThreatModel(output="probabilities", double=True, real_inputs=True),
    "seed_150": ThreatModel(output="labels", data=1, budget=Budget(images_unique=4800)),
    "surrogate_pool": ThreatModel(output="probabilities", pool="*"),
    "whitebox_10pct": ThreatModel(output="weights", data=0.3, data_labels=True),
    "whitebox_few": ThreatModel(output="weights", data=0.1, data_labels=True),
    "whitebox_third": ThreatModel(output="weights", data=1, data_labels=True),
    "weights_only_nodata": ThreatModel(output="weights"),
    "claimant_readonly": ThreatModel(
        output="weights",
        knows=frozenset({"scheme"}),
        data=1,
        deliverables=frozenset({"claim"}),
    ),
    "claimant_precommit": ThreatModel(
        output="labels",
        knows=frozenset({"scheme"}),
        data=1,
        data_labels=True,
        precommit=True,
        deliverables=frozenset({"claim"}),
    ),
    "reads_texts": ThreatModel(output="outputs", data=1, deliverables=frozenset({"outputs"})),
    "host_api": ThreatModel(
        output="weights", data=1, data_labels=True, deliverables=frozenset({"model", "api"})
    ),
}


def preset(name: str) -> ThreatModel:
    """Return a named threat model.

    Raises:
        RegistryError: there is none of that name.
    """
    if name not in PRESETS:
        raise RegistryError(f"expected a threat model, found {name!r}{did_you_mean(name, PRESETS)}")
    return PRESETS[name]
