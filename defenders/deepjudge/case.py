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
from arena.world.kinds.interface import Output, level
from arena.world.models import Model
from defenders.deepjudge.scheme import metrics
from defenders.deepjudge.scheme.tests import PARTS, TestPart, Tests

Values = Mapping[TestPart, Mapping[str, float]]


@dataclass(frozen=True)
class Measurement:
    """What was measured on one suspect.

    Attributes:
        values: part of the tests -> metric -> distance.
        notes: metric -> why it does not apply.
        layers: hidden layer -> NOD, NAD, LOD, LAD on the white-box tests; in layers that they were
            not grown for, every test speaks for every neuron.
    """

    values: Values = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __or__(self, other: Measurement) -> Measurement:
        values = {
            part: {**self.values.get(part, {}), **other.values.get(part, {})} for part in PARTS
        }
        return Measurement(values, {**self.notes, **other.notes}, {**self.layers, **other.layers})


@dataclass(frozen=True)
class Case:
    """The victim, its tests, and the layer that the white-box tests are for ("" for none)."""

    victim: Model
    blackbox: Tests
    whitebox: Tests
    layer: str

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
            found = rows.argmax(1)
        values: dict[TestPart, dict[str, float]] = {}
        for part, mask in tests.parts():
            truth, mine = tests.labels[mask], own[mask]
            robd = metrics.robustness_distance(found[mask], mine.argmax(1), truth)
            jsd = {} if rows is None else {"JSD": metrics.jensen_shannon(rows[mask], mine)}
            values[part] = {"RobD": robd, **jsd}
        return Measurement(
            values, {"JSD": "the suspect answers labels only"} if rows is None else {}
        )

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
        a, b, own = mine[self.layer], theirs[self.layer], self.whitebox.neuron
        values = {
            part: metrics.whitebox_distances(a[mask], b[mask], own[mask])
            for part, mask in self.whitebox.parts()
        }
        others = {
            name: metrics.whitebox_distances(mine[name], found)
            for name, found in theirs.items()
            if name != self.layer
        }
        return Measurement(values, {}, {**others, self.layer: values["all"]})

    def _outputs(self, suspect: Suspect) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the neurons (T, N) of the victim's hidden layers, and the suspect's alike ones.

        In float32 whatever the autocast.
        """
        compute, images = replace(suspect.compute, precision="float32"), self.whitebox.images
        model = suspect.model()
        there = set(layers.calls(model, model.card.input_shape))
        hidden = layers.activations(self.victim, self.victim.card.input_shape)
        common = [name for name in hidden if name in there]
        mine = compute.activations(self.victim, images, hidden, metrics.neurons)
        theirs = compute.activations(model, images, common, metrics.neurons)
        suspect.n_queries += len(images)
        return mine, {n: found for n, found in theirs.items() if found.shape == mine[n].shape}


def _closed(note: str, closed: Sequence[str] = metrics.WHITEBOX) -> Measurement:
    return Measurement(notes=dict.fromkeys(closed, note))
