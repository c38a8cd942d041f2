"""Aligned reading: a suspect is brought back to the owner's model before its layers are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from arena.errors import ModelError, NotComparable
from arena.game.rules.key_form import KeyForm, Tensors
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.graph import align
from arena.world.json_values import Json, Raw
from arena.world.models import Model, pack, unpack

_REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Sight(KeyForm):
    """What aligned reading needs: the owner's model, as it is packed, and secret probes."""

    packed: dict[str, Raw] = field(metadata={"name": _REFERENCE})
    weights: Tensors = field(metadata={"name": _REFERENCE})
    probes: Tensor

    def reference(self) -> Model:
        """Return the owner's model.

        Raises:
            NotComparable: it cannot be built.
        """
        try:
            return unpack(Bundle(self.packed, self.weights))
        except ModelError as error:
            raise NotComparable(f"the key's reference model is damaged: {error}") from error


def sight(task: OwnerTask, model: Model, seed: str, n_probes: int) -> Sight:
    """Return what aligned reading needs of the owner's model and its probe images."""
    rng, packed = expand(seed, "whitebox probes"), pack(model)
    probe = model.kind.questions(task.probe, model.card, rng.child("questions"))
    order = torch.randperm(len(probe), generator=rng.torch())
    probes = probe[order[:n_probes]].cpu()
    return Sight(packed=dict(packed.data), weights=packed.tensors, probes=probes)


def aligned(key: Key, suspect: Suspect) -> tuple[Suspect, dict[str, Json]]:
    """Return the suspect in the order of the owner's model, and figures of the alignment.

    Raises:
        NotComparable: the suspect cannot be brought back, or the key holds nothing to bring it to.
    """
    if _REFERENCE not in key.settings:
        raise NotComparable(
            "the key holds no reference model; protect with verifier = 'aligned' to read aligned"
        )
    held = Sight.of(key)
    reference, probes = held.reference(), held.probes
    model, report = align(suspect.model(), reference, probes, suspect.compute)
    suspect.n_queries += len(probes)
    figures: dict[str, Json] = {
        "align/likeness": min((group.likeness for group in report.groups), default=1.0),
        "align/difference": report.difference,
        "align/n_merged": sum(group.n_merged for group in report.groups),
        "align/n_dropped": sum(group.n_dropped for group in report.groups),
        "align/n_missing": sum(group.n_missing for group in report.groups),
    }
    return suspect.read_as(model), figures
