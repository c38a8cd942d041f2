"""A case: the victim and the tests that were grown from it, and what a suspect makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from arena.errors import NotComparable
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.compute import Compute
from arena.world.graph import align
from arena.world.kinds.interface import Output, level
from arena.world.models import Model
from defenders.deepjudge.scheme import metrics
from defenders.deepjudge.scheme.tests import PARTS, TestPart, Tests

_NO_CLASS = -1  # of an answer that is not a number
_RUNAWAY = 10.0  # times the victim's largest output: beyond, a neuron says nothing of the function
_N_PROBES = 180
Values = Mapping[TestPart, Mapping[str, float]]


@dataclass(frozen=True)
class Measurement:
    """What was measured on one suspect.

    Attributes:
        values: part of the tests -> metric -> distance.
        notes: metric -> why it does not apply.
        layers: hidden layer -> NOD, NAD, LOD, LAD on the white-box tests; in layers that they were
            not grown for, every test speaks for every neuron.
        findings: what is odd about the suspect, in sentences.
    """

    values: Values = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    def __or__(self, other: Measurement) -> Measurement:
        values = {
            part: {**self.values.get(part, {}), **other.values.get(part, {})} for part in PARTS
        }
        notes, by_layer = {**self.notes, **other.notes}, {**self.layers, **other.layers}
        return Measurement(values, notes, by_layer, (*self.findings, *other.findings))


@dataclass(frozen=True)
class Case:
    """The victim, its tests, and the layer that the white-box tests are for ("" for none).

    On `probes`, where there are any, a suspect's channels are matched with the victim's before its
    hidden layers are read: so neither another order of channels nor added ones hide them.
    """

    victim: Model
    blackbox: Tests
    whitebox: Tests
    layer: str
    probes: Tensor | None = None

    def measure(self, suspect: Suspect, access: Output) -> Measurement:
        """Return the distances that an access level allows ("labels", "probabilities", "weights").

        Raises:
            NotComparable: the suspect takes other images.
        """
        wanted = self.victim.card.input_shape
        if suspect.input_shape != wanted:
            raise NotComparable(
                f"the suspect takes inputs of {suspect.input_shape}, the tests are of {wanted}"
            )
        return self._outside(suspect, access) | self._inside(suspect, access)

    def untested(self) -> list[int]:
        """Return the neurons of the layer without a white-box test: dead or stubborn ones."""
        if not self.layer:
            return []
        blank = torch.zeros(1, *self.victim.card.input_shape)
        found = Compute().activations(self.victim, blank, [self.layer], metrics.neurons)
        counts = torch.bincount(self.whitebox.neuron, minlength=found[self.layer].shape[1])
        return [int(i) for i in (counts == 0).nonzero()]

    def _outside(self, suspect: Suspect, access: Output) -> Measurement:
        """Measure RobD and JSD."""
        n_classes = self.victim.card.n_classes
        if suspect.n_classes != n_classes:
            note = f"the suspect tells {suspect.n_classes} classes apart, the victim {n_classes}"
            return _closed(note, metrics.BLACKBOX)
        tests = self.blackbox
        if not len(tests):
            return _closed("there are no black-box tests", metrics.BLACKBOX)
        own = suspect.compute.probabilities(self.victim, tests.images)  # (T, C)
        if level(access) < level("probabilities"):
            rows, found = None, suspect.labels(tests.images)
        else:
            rows = suspect.probabilities(tests.images)
            finite = torch.isfinite(rows).all(1)
            found = rows.nan_to_num().argmax(1).masked_fill(~finite, _NO_CLASS)
        values: dict[TestPart, dict[str, float]] = {}
        for part, mask in tests.parts():
            truth, mine = tests.labels[mask], own[mask]
            robd = metrics.robustness_distance(found[mask], mine.argmax(1), truth)
            values[part] = {"RobD": robd}
            told = mask & (found != _NO_CLASS)
            if rows is not None and 2 * int(told.sum()) >= int(mask.sum()):
                values[part]["JSD"] = metrics.jensen_shannon(rows[told], own[told])
        n_odd = int((found == _NO_CLASS).sum())
        if rows is None:
            return Measurement(values, {"JSD": "the suspect answers labels only"})
        if not n_odd:
            return Measurement(values)
        said = f"{n_odd} of {len(found)} answers to the tests are not numbers, which no honest "
        said += "model gives; the other answers are judged"
        return Measurement(values, {"JSD": "most answers are not numbers"}, findings=(said,))

    def _inside(self, suspect: Suspect, access: Output) -> Measurement:
        """Measure NOD, NAD, LOD and LAD of every hidden layer, from one forward pass a model."""
        if level(access) < level("weights"):
            return _closed("the suspect's hidden layers may not be seen")
        if not len(self.whitebox):
            return _closed("there are no white-box tests")
        try:
            mine, theirs = self._outputs(suspect)
        except NotComparable as error:
            return _closed(str(error))
        if self.layer not in theirs:
            return _closed(f"the suspect has no layer {self.layer!r} of the victim's width")
        kept = _steady(mine[self.layer], theirs[self.layer])
        n_kept, n_neurons = int(kept.sum()), len(kept)
        findings: tuple[str, ...] = ()
        if n_kept < n_neurons:
            findings = (
                f"{n_neurons - n_kept} of {n_neurons} neurons of {self.layer!r} run away on the "
                "tests, which no training does; the others are judged",
            )
        if 2 * n_kept < n_neurons:
            return replace(_closed("most neurons run away on the tests"), findings=findings)
        values = {}
        for part, mask in self.whitebox.parts():
            found = _distances(
                mine[self.layer], theirs[self.layer], self.whitebox.neuron, mask, kept
            )
            values[part] = found
        others = {
            name: metrics.whitebox_distances(mine[name], found)
            for name, found in theirs.items()
            if name != self.layer
        }
        return Measurement(values, {}, {**others, self.layer: values["all"]}, findings)

    def _outputs(self, suspect: Suspect) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the neurons (T, N) of the victim's hidden layers, and the suspect's alike ones."""
        compute, images = suspect.compute, self.whitebox.images
        model = self._aligned(suspect.model(), compute)
        there = set(layers.calls(model, model.card.input_shape))
        hidden = layers.activations(self.victim, self.victim.card.input_shape)
        common = [name for name in hidden if name in there]
        mine = compute.activations(self.victim, images, hidden, metrics.neurons)
        theirs = compute.activations(model, images, common, metrics.neurons)
        suspect.n_queries += len(images)
        return mine, {n: found for n, found in theirs.items() if found.shape == mine[n].shape}

    def _aligned(self, model: Model, compute: Compute) -> Model:
        """Return the suspect in the victim's order of channels, as it is where it has no such."""
        if self.probes is None:
            return model
        try:
            return align(model, self.victim, self.probes[:_N_PROBES], compute)[0]
        except NotComparable:
            return model


def _steady(own: Tensor, found: Tensor) -> Tensor:
    """Return which neurons (N,) stay finite and within ten times the victim's range on all tests.

    Args:
        own: the victim's outputs, (T, N).
        found: the suspect's, (T, N).
    """
    limit = _RUNAWAY * float(own.abs().max())
    return (torch.isfinite(found) & (found.abs() <= max(limit, 1.0))).all(0)


def _distances(
    own: Tensor, found: Tensor, neuron: Tensor, mask: Tensor, kept: Tensor
) -> dict[str, float]:
    """Return the four distances on some tests (T,), over the neurons (N,) that are kept."""
    mask = mask & kept[neuron]
    place = kept.cumsum(0) - 1
    return metrics.whitebox_distances(own[mask][:, kept], found[mask][:, kept], place[neuron[mask]])


def _closed(note: str, closed: Sequence[str] = metrics.WHITEBOX) -> Measurement:
    return Measurement(notes=dict.fromkeys(closed, note))
