"""Which unit of one model is which of another: by what they show and by their incoming weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import scipy  # its parts load when they are first used
import torch
from torch import Tensor

from arena.errors import NotComparable
from arena.world.graph.edit import State, units_of
from arena.world.graph.groups import Group
from arena.world.graph.plan import Plan

_SILENT = 1e-6  # spread of a unit's output relative to its size: below, it is constant
_SAME = 0.8  # cosine from which on a unit counts as a copy, drifted perhaps, of another


@dataclass(frozen=True, eq=False)
class Portrait:
    """What is known of the units of a group, none of which a rewriting can hide.

    Attributes:
        maps: (n_units, samples) what they show on the probes, float64.
        rows: (n_units, entries) their incoming weights and bias, with the normalisation folded
            into them: free of the signs and scales that it undoes.
    """

    maps: Tensor
    rows: Tensor

    @classmethod
    def of(cls, state: State, eps: Mapping[str, float], group: Group, maps: Tensor) -> Portrait:
        """Return the portrait of a group from the tensors of its first producer that is no gate.

        Args:
            state: the model's tensors.
            eps: of the model's normalisations.
            group: the group.
            maps: (n_units, samples).
        """
        producer = next(p for p in group.producers if not p.is_gate)
        slot, norm = producer.slot, producer.norm
        weights = units_of(state, f"{slot.layer}.{slot.kernels[0]}", slot, group)
        parts = [weights]
        biases = [name for name in slot.tensors if name not in slot.kernels]
        if f"{slot.layer}.{biases[0]}" in state:
            parts.append(units_of(state, f"{slot.layer}.{biases[0]}", slot, group))
        elif norm:
            parts.append(weights.new_zeros(len(weights), slot.block))
        if norm:
            gamma, beta, mean, variance = (
                units_of(state, f"{norm.layer}.{tensor}", norm, group)
                for tensor in ("weight", "bias", "running_mean", "running_var")
            )
            factor = gamma / (variance + eps[norm.layer]).sqrt()  # (n_units, 1)
            parts = [weights * factor, factor * (parts[1] - mean) + beta]
        return cls(maps.double(), torch.cat(parts, 1).double())

    def only(self, units: Tensor) -> Portrait:
        """Return the portrait of the listed units."""
        return Portrait(self.maps[units], self.rows[units])

    @property
    def silent(self) -> Tensor:
        """(n_units,) whether a unit shows the same everywhere, so that only its weights tell."""
        size = self.maps.abs().amax(1)
        return self.maps.std(1) <= _SILENT * size


@dataclass(frozen=True, eq=False)
class Match:
    """Which unit of a suspect stands for each unit of a reference.

    Attributes:
        partner: (n_ours,) the suspect's unit, -1 where none is left.
        likeness: (n_ours,) correlation of the maps; cosine of the rows where both are silent.
        cosine: (n_ours,) cosine of the rows with those of the partner.
        signs: (n_ours,) -1 where the suspect's unit shows the negative.
        factors: (n_theirs,) for each unit of the suspect that is a copy of a partner: how many
            times the partner's output it shows; 0 for all others.
        origin: (n_theirs,) place in `partner` of the unit that it copies, -1 where there is none.
    """

    partner: Tensor
    likeness: Tensor
    cosine: Tensor
    signs: Tensor
    factors: Tensor
    origin: Tensor

    def plan(self) -> Plan:
        """Return the plan that brings the suspect's group into the reference's order.

        Copies add their outgoing weights to the unit that they copy; a unit without partner is a
        copy of unit 0 that nobody reads.
        """
        n_theirs = len(self.factors)
        outgoing = torch.zeros(len(self.partner), n_theirs, dtype=torch.float64)
        found = (self.partner >= 0).nonzero()[:, 0]
        outgoing[found, self.partner[found]] = 1
        copies = (self.origin >= 0).nonzero()[:, 0]
        outgoing[self.origin[copies], copies] = self.factors[copies]
        return Plan(self.partner.clamp(min=0), outgoing)


def match(theirs: Portrait, ours: Portrait, signed: bool) -> Match:
    """Match the units of a suspect with those of a reference, one to one, and find copies.

    The sum over all pairs of the correlation of maps and the cosine of rows is the largest
    possible (Hungarian method). What is left over is compared with the suspect's matched units.

    Args:
        theirs: the suspect's units.
        ours: the reference's.
        signed: whether a unit may show the negative of what it stands for.

    Raises:
        NotComparable: the two groups read inputs of different sizes.
    """
    _check_sizes(theirs, ours)
    correlation = _cosines(_centred(theirs), _centred(ours))  # (n_theirs, n_ours)
    cosine = _cosines(theirs.rows, ours.rows)
    silent = theirs.silent[:, None] & ours.silent
    likeness = torch.where(silent, cosine, correlation)
    negative = (likeness < 0) & torch.tensor(signed)
    signs = torch.where(negative, -1.0, 1.0).double()
    score = (correlation + cosine) * signs
    rows, columns = map(
        torch.as_tensor, scipy.optimize.linear_sum_assignment(score.numpy(), maximize=True)
    )

    def paired(values: Tensor, default: float) -> Tensor:
        chosen = values.new_full((len(ours.rows),), default)
        return chosen.index_copy(0, columns, values[rows, columns])

    partner = torch.full((len(ours.rows),), -1).index_copy(0, columns, rows)
    factors, origin = _copies(theirs, partner, signed)
    return Match(
        partner=partner,
        likeness=paired(likeness * signs, 0.0),
        cosine=paired(cosine * signs, 0.0),
        signs=paired(signs, 1.0),
        factors=factors,
        origin=origin,
    )


def _check_sizes(theirs: Portrait, ours: Portrait) -> None:
    if theirs.rows.shape[1] != ours.rows.shape[1]:
        raise NotComparable(
            f"expected units with {ours.rows.shape[1]} incoming weights, the suspect's have "
            f"{theirs.rows.shape[1]}; its layers cannot be brought back to the reference's"
        )


def _copies(units: Portrait, partner: Tensor, signed: bool) -> tuple[Tensor, Tensor]:
    """Return (factors, origin) of the suspect's units that are copies of matched ones.

    A copy is alike in what it shows and in its weights; one of them alone can be chance, as for
    units that fire on a single probe.
    """
    factors = torch.zeros(len(units.rows), dtype=torch.float64)
    origin = torch.full((len(units.rows),), -1)
    places = (partner >= 0).nonzero()[:, 0]
    free = (~torch.isin(torch.arange(len(units.rows)), partner)).nonzero()[:, 0]
    if not len(free) or not len(places):
        return factors, origin
    left, base = units.only(free), units.only(partner[places])
    shown, weighed = _cosines(left.maps, base.maps), _cosines(left.rows, base.rows)
    if signed:
        shown, weighed = shown.abs(), weighed.abs()
    silent = left.silent[:, None]
    likeness = torch.where(silent, weighed, (shown + weighed) / 2)
    best, at = torch.where(silent == base.silent, likeness, 0.0).max(1)
    model = base.only(at)
    times = torch.where(
        left.silent, _multiple(left.rows, model.rows), _multiple(left.maps, model.maps)
    )
    same = best >= _SAME
    factors[free[same]] = times[same]
    origin[free[same]] = places[at[same]]
    return factors, origin


def _multiple(first: Tensor, second: Tensor) -> Tensor:
    """Return how many times each row of `second` the same row of `first` is (least squares)."""
    return (first * second).sum(1) / (second * second).sum(1)


def _centred(units: Portrait) -> Tensor:
    """Return the maps without their means; zero for silent units."""
    centred = units.maps - units.maps.mean(1, keepdim=True)
    return centred * ~units.silent[:, None]


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosines (n_first, n_second) of all pairs of rows; 0 where a row is zero."""
    return torch.nan_to_num(_unit(first) @ _unit(second).T)


def _unit(rows: Tensor) -> Tensor:
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(length > 0, rows / length, 0.0)
