"""Every example in a docstring of the library is true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from defenders.deepjudge.scheme import metrics

ROOT = Path(__file__).parents[1]
PACKAGES = ("arena", "attackers", "defenders")
PROMPT = "  >>> "


def name_of(path: Path) -> str:
    """Return the name of the module in a file, relative to the root."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {path: path.read_text() for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
SHOWING = {name_of(path): text.count(PROMPT) for path, text in SOURCES.items() if PROMPT in text}
"""Module -> how many examples its source holds; read as text: collecting imports nothing."""


@pytest.mark.parametrize("name", sorted(SHOWING))
def test_examples_are_true(name: str) -> None:
    """All of them ran: one that sits where doctest does not look would be true for ever."""
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0
    assert found.attempted == SHOWING[name]


def test_examples_are_found() -> None:
    assert "arena.game.rules.score" in SHOWING
    assert len(SHOWING) > 20


def test_each_of_deepjudges_metrics_has_an_example() -> None:
    tests = doctest.DocTestFinder(exclude_empty=True).find(metrics)
    shown = {test.name.rpartition(".")[2] for test in tests if test.examples}
    assert shown >= {
        "robustness_distance",
        "jensen_shannon",
        "neuron_output_distance",
        "neuron_activation_distance",
        "layer_output_distance",
        "layer_activation_distance",
        "robustness",
        "neurons",
        "active",
    }
