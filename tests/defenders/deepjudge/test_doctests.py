"""Every example in the docstrings of DeepJudge and of the boundary's maths is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import types

import pytest

import defenders.deepjudge
from defenders.deepjudge.metrics import METRICS

NAMES = [
    f"defenders.deepjudge.{module.name}"
    for module in pkgutil.iter_modules(defenders.deepjudge.__path__)
] + ["defenders.fingerprints.ipguard_search", "defenders.fingerprints.points"]
WITH_EXAMPLES = {
    "robustness",
    "robustness_distance",
    "jensen_shannon",
    "neuron_output_distance",
    "neuron_activation_distance",
    "layer_output_distance",
    "layer_activation_distance",
    "neurons",
    "active",
}
"""What the metrics are made of, and each metric itself."""


def module(name: str) -> types.ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(module(name)).failed == 0


def test_each_metric_has_an_example() -> None:
    found = doctest.DocTestFinder(exclude_empty=True).find(module("defenders.deepjudge.metrics"))
    shown = {test.name.rpartition(".")[2] for test in found if test.examples}
    assert shown >= WITH_EXAMPLES
    assert len(METRICS) == 6
