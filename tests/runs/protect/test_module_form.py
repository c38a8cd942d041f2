"""What a person's own module is: its layers, its plain values and the code that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from arena.runs.protect.own_module import model_of, register
from arena.world.data import load
from arena.world.models import build
from arena.world.rng import Rng

NET = """
import torch
from torch import nn

def scaled(factor):
    def decorate(method):
        return lambda self, x: factor * method(self, x)

    return decorate

class Net(nn.Module):
    slope, act = 1, torch.relu

    def __init__(self, shift=0.0):
        super().__init__()
        self.flat, self.head, self.shift = nn.Flatten(), nn.Linear(64, 10), shift

    @property
    def own(self):
        return self.shift in {0.0, "none", "other", "third"}

    @torch.no_grad()
    def settle(self, times=1):
        return [self.head for _ in range(times)]

    @scaled(1)
    def forward(self, x):
        return self.head(self.flat(x)) * self.slope
"""


def made(code: str, shift: float = 0.0) -> nn.Module:
    """Return the network of a cell of a notebook."""
    names: dict[str, type[nn.Module]] = {"__name__": "__main__"}  # type: ignore[dict-item]
    exec(code, names)  # noqa: S102 - what a notebook does
    return names["Net"](shift)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("* self.slope", "* -self.slope", id="forward"),
        pytest.param("* self.slope", "* self.shift", id="a-name"),
        pytest.param("act = 1, ", "act = 2, ", id="a-value-of-the-class"),
        pytest.param('"third"', '"fourth"', id="a-property"),
        pytest.param("[self.head for", "[self.flat for", id="a-decorated-method"),
        pytest.param("times=1", "times=2", id="a-default"),
        pytest.param("torch.relu", "torch.tanh", id="a-function-of-torch"),
        pytest.param("scaled(1)", "scaled(2)", id="what-a-decorator-holds"),
    ],
)
def test_classes_of_one_name_and_other_code_are_two_architectures(before: str, after: str) -> None:
    assert before in NET
    first, second = register(made(NET)), register(made(NET.replace(before, after)))
    assert first != second
    assert first == register(made(NET))


def test_networks_of_other_plain_values_are_two_architectures() -> None:
    assert register(made(NET)) != register(made(NET, shift=0.5))


def test_an_innocent_runs_the_code_that_came_in() -> None:
    data = load("digits").train
    first, second = (
        model_of(made(code), data) for code in (NET, NET.replace("* self.slope", "* 0"))
    )
    innocent = build(second.card, Rng(1))
    assert not innocent(innocent.kind.blank(innocent.card) + 1).any()
    innocent = build(first.card, Rng(1))
    assert innocent(innocent.kind.blank(innocent.card) + 1).any()


def test_weights_and_modes_make_no_other_architecture() -> None:
    first, second = made(NET), made(NET).eval()
    torch.nn.init.zeros_(next(second.parameters()))
    assert register(first) == register(second)


@pytest.mark.slow
def test_a_name_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    code = (
        "from arena.runs.protect.own_module import register; from net import Net; "
        "print(register(Net()))"
    )
    told = [
        subprocess.check_output(
            [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in "12"
    ]
    assert told[0] == told[1]
