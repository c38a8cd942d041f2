"""Aligned reading: a suspect is brought back to the owner's model before its layers are read."""

from __future__ import annotations

import torch

from arena.errors import ModelError, NotComparable
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.graph import align
from arena.world.json_values import Json
from arena.world.models import Model, pack, unpack

_REFERENCE = "reference"
_PROBES = "probes"


def sight(task: OwnerTask, model: Model, seed: str, n_probes: int) -> Bundle:
    """Return the part of a key that aligned reading needs: the owner's model and secret probes."""
    probe = task.probe.images
    order = torch.randperm(len(probe), generator=expand(seed, "whitebox probes").torch())
    packed = pack(model)
    tensors = {f"{_REFERENCE}/{name}": tensor for name, tensor in packed.tensors.items()}
    tensors[_PROBES] = probe[order[:n_probes]].cpu()
    return Bundle({_REFERENCE: dict(packed.data)}, tensors)


def aligned(key: Key, suspect: Suspect) -> tuple[Suspect, dict[str, Json]]:
    """Return the suspect in the order of the owner's model, and figures of the alignment.

    Raises:
        NotComparable: the suspect cannot be brought back, or the key holds nothing to bring it to.
    """
    if _REFERENCE not in key.settings or _PROBES not in key.tensors:
        raise NotComparable(
            "the key holds no reference model; protect with verifier = 'aligned' to read aligned"
        )
    stored = Bundle(key.settings[_REFERENCE], key.bundle().prefixed(_REFERENCE))
    try:
        reference = unpack(stored)
    except ModelError as error:
        raise NotComparable(f"the key's reference model is damaged: {error}") from error
    probes = key.tensors[_PROBES]
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
