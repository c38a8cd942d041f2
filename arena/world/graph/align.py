"""The aligner: brings a rewritten suspect back to the order, scale and signs of its owner's model.

A verifier that reads weights by index then reads them from the aligned suspect. Source: the idea of
"neuron alignment" (Li et al. 2021) and of canonical forms against structural obfuscation; the
method is our own. It needs no label and no key, only probe inputs, and it keeps the suspect's
function: what it cannot bring back it reports.

Of all ways to order a model's units it takes the one that is most like the reference, for a
stranger too. So bits that are read from aligned strangers lean a little towards the owner's: the
threshold of an aligned verifier is set on innocents that were aligned in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from arena.errors import ModelError, NotComparable
from arena.world.compute import Compute
from arena.world.graph import edit
from arena.world.graph.edit import State, units_of
from arena.world.graph.groups import Group
from arena.world.graph.matching import Match, Portrait, match
from arena.world.graph.probe import watch
from arena.world.graph.trace import LayerGraph
from arena.world.models import Model, restore

_SURE = 0.8  # likeness from which on a unit counts as matched
_CHANCE = 3.0  # standard deviations of the cosine of unrelated weights: below, no sign is undone
_CLEAR = 0.5  # a cosine that is enough, however few the weights


@dataclass(frozen=True)
class GroupAlignment:
    """How one group of channels was brought back.

    Attributes:
        name: of the group.
        n_units: channels of the reference.
        n_found: channels of the suspect.
        n_matched: channels with a partner of likeness of at least 0.8.
        likeness: mean over the channels of the correlation with the partner; where both show the
            same for all probes, of the cosine of their incoming weights.
        cosine: mean over the channels of the cosine of the incoming weights, normalisation folded
            in; of a model trained on its own it is near 0 behind the first layer.
        n_merged: copies that were added to the unit that they copy.
        n_dropped: channels left out: members of cancelling cliques, and strangers.
        n_missing: channels of the reference for which the suspect had none left.
        n_silent: channels of the suspect that show the same for all probes.
        n_flipped: signs that were undone, over all producers.
    """

    name: str
    n_units: int
    n_found: int
    n_matched: int
    likeness: float
    cosine: float
    n_merged: int
    n_dropped: int
    n_missing: int
    n_silent: int
    n_flipped: int


@dataclass(frozen=True)
class AlignmentReport:
    """What the aligner did.

    Attributes:
        groups: in order of execution.
        difference: largest absolute difference between the logits of the suspect and of the
            aligned model on the probes; near 0 unless channels that did something were dropped.
        n_cropped: convolutions whose kernels had another size.
    """

    groups: tuple[GroupAlignment, ...]
    difference: float
    n_cropped: int


def align(
    suspect: Model, reference: Model, probes: Tensor, compute: Compute
) -> tuple[Model, AlignmentReport]:
    """Bring a suspect back to the reference's widths, kernel sizes, channel order, scales, signs.

    Args:
        suspect: only read; a resized model of the reference's architecture.
        reference: the owner's model; only read.
        probes: (N, *input_shape), a few hundred inputs like those of the task.
        compute: where the models run; the algebra is float64 on the CPU.

    Returns:
        The aligned model, whose function is the suspect's, and the report.

    Raises:
        NotComparable: the suspect has another architecture, or cannot be brought back to it.
    """
    _check_cards(suspect, reference, probes)
    ours, theirs = _graphs(suspect, reference)
    fixed, state = _doubles(reference), _doubles(suspect)
    n_cropped = _same_kernels(state, fixed)
    our_maps, _ = watch(reference, ours.groups, probes, compute)
    their_maps, logits = watch(suspect, theirs.groups, probes, compute)
    eps = _epsilons(reference)
    found = []
    for group in ours.groups:
        their = theirs[group.name]
        portrait = Portrait.of(state, eps, their, their_maps.pop(group.name))
        own = Portrait.of(fixed, eps, group, our_maps.pop(group.name))
        pairs = match(portrait, own, group.is_odd)
        edit.rebuild(state, their, pairs.plan())
        theirs = theirs.resized(group.name, group.n_units)
        if group.may_scale or group.is_odd:
            edit.scale(state, theirs[group.name], _factors(portrait, own, pairs, group))
        found.append((their, portrait, pairs))
    flipped = [_undo_in_norms(state, fixed, group, eps) for group in ours.groups]
    aligned = _restored(state, suspect, reference)
    _, brought = watch(aligned, (), probes, compute)
    difference = float((brought - logits).abs().nan_to_num(nan=torch.inf).max())
    groups = tuple(_summary(*entry, n) for entry, n in zip(found, flipped, strict=True))
    return aligned, AlignmentReport(groups, difference, n_cropped)


def _check_cards(suspect: Model, reference: Model, probes: Tensor) -> None:
    """Refuse another architecture; the number of classes may differ."""
    for field in ("architecture", "arguments", "input_shape"):
        expected, found = getattr(reference.card, field), getattr(suspect.card, field)
        if expected != found:
            raise NotComparable(
                f"expected a suspect with the {field} {expected!r}, found {found!r}; only models "
                "of one architecture can be aligned"
            )
    if len(probes) < 2 or tuple(probes.shape[1:]) != reference.card.input_shape:
        raise NotComparable(
            f"expected at least 2 probes of shape {reference.card.input_shape}, found "
            f"{tuple(probes.shape)}; take a few hundred inputs like those of the task"
        )


def _graphs(suspect: Model, reference: Model) -> tuple[LayerGraph, LayerGraph]:
    """Return the layer graphs of the reference and of the suspect, which must be alike."""
    ours, theirs = LayerGraph.of(reference), LayerGraph.of(suspect)
    if not ours.groups:
        raise NotComparable(
            f"no channels of {reference.card.title} can be followed; verify it by index"
        )
    if _outline(ours) != _outline(theirs):
        raise NotComparable(
            f"the suspect's layers are not tied together like those of {reference.card.title}; "
            "verify it by its answers"
        )
    return ours, theirs


def _outline(graph: LayerGraph) -> list[tuple[str, list[tuple[str, str, int]]]]:
    return [
        (group.name, [(slot.layer, slot.side, slot.block) for slot in group.slots()])
        for group in graph.groups
    ]


def _doubles(model: Model) -> State:
    return {
        name: tensor.detach().cpu().double() if tensor.is_floating_point() else tensor.cpu()
        for name, tensor in model.state_dict().items()
    }


def _epsilons(model: Model) -> dict[str, float]:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    return {name: module.eps for name, module in model.named_modules() if isinstance(module, norms)}


def _same_kernels(state: State, fixed: State) -> int:
    """Crop (or pad) kernels about their centres to the reference's; return how many differed."""
    differing = [
        name
        for name, tensor in state.items()
        if tensor.dim() == 4 and tensor.shape[2:] != fixed[name].shape[2:]
    ]
    for name in differing:
        height, width = (
            wanted - found
            for wanted, found in zip(fixed[name].shape[2:], state[name].shape[2:], strict=True)
        )
        if height % 2 or width % 2:
            raise NotComparable(
                f"expected {name} with kernels of {tuple(fixed[name].shape[2:])}, found "
                f"{tuple(state[name].shape[2:])}, which have another centre; verify by answers"
            )
        margins = (width // 2, width // 2, height // 2, height // 2)  # negative ones crop
        state[name] = pad(state[name], margins)
    return len(differing)


def _factors(theirs: Portrait, ours: Portrait, pairs: Match, group: Group) -> Tensor:
    """Return (n_units,) what the suspect's outputs are multiplied by to have the owner's size."""
    if not group.may_scale:
        return pairs.signs
    partner = pairs.partner.clamp(min=0)
    shown = ours.maps.norm(dim=1) / theirs.maps.norm(dim=1)[partner]
    weighed = ours.rows.norm(dim=1) / theirs.rows.norm(dim=1)[partner]
    ratio = torch.where(ours.silent | theirs.silent[partner], weighed, shown)
    usable = ratio.isfinite() & (ratio > 0) & (pairs.partner >= 0)
    return torch.where(usable, ratio, 1.0) * pairs.signs


def _undo_in_norms(state: State, fixed: State, group: Group, eps: Mapping[str, float]) -> int:
    """Give weights in front of a normalisation the owner's signs and sizes; return the flips.

    The normalisation undoes both.
    """
    n_flipped = 0
    for producer in group.producers:
        slot, norm = producer.slot, producer.norm
        if norm is None:
            continue
        name = f"{slot.layer}.weight"
        found, own = units_of(state, name, slot, group), units_of(fixed, name, slot, group)
        if found.shape != own.shape:
            raise NotComparable(
                f"expected {own.shape[1]} weights for each unit of {slot.layer}, the suspect has "
                f"{found.shape[1]}; verify it by its answers"
            )
        cosine = torch.cosine_similarity(found, own, 1)
        clear = min(_CHANCE / own.shape[1] ** 0.5, _CLEAR)
        signs = torch.where(cosine < -clear, -1.0, 1.0)
        sizes = own.norm(dim=1) / found.norm(dim=1)
        edit.flip_in_norm(state, group, slot, norm, signs)
        edit.stretch_in_norm(state, group, slot, norm, sizes, eps[norm.layer])
        n_flipped += int((signs < 0).sum())
    return n_flipped


def _restored(state: State, suspect: Model, reference: Model) -> Model:
    """Return the suspect with the aligned tensors, in the reference's shapes."""
    types = {name: tensor.dtype for name, tensor in reference.state_dict().items()}
    card = suspect.card.model_copy(update={"resized": reference.card.resized})
    try:
        return restore(card, {name: tensor.to(types[name]) for name, tensor in state.items()})
    except ModelError as error:
        raise NotComparable(
            f"the suspect cannot be brought back to {reference.card.title}: {error}"
        ) from error


def _summary(group: Group, units: Portrait, pairs: Match, n_flipped: int) -> GroupAlignment:
    n_merged = int((pairs.origin >= 0).sum())
    n_paired = int((pairs.partner >= 0).sum())
    return GroupAlignment(
        name=group.name,
        n_units=len(pairs.partner),
        n_found=group.n_units,
        n_matched=int((pairs.likeness >= _SURE).sum()),
        likeness=float(pairs.likeness.mean()),
        cosine=float(pairs.cosine.mean()),
        n_merged=n_merged,
        n_dropped=group.n_units - n_paired - n_merged,
        n_missing=len(pairs.partner) - n_paired,
        n_silent=int(units.silent.sum()),
        n_flipped=n_flipped + int((pairs.signs < 0).sum()),
    )
