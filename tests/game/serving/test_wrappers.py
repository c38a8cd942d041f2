"""Wrappers: found by name, written down as name, settings and tensors."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from arena.errors import InvalidDeliverable, RegistryError
from arena.game.serving.plain_wrappers import InputLevels, InputNoise, OutputLabels
from arena.game.serving.wrapper import (
    Answer,
    Client,
    Wrapper,
    pack_wrappers,
    unpack_wrappers,
    wrapper,
    wrappers,
)
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.models import Model
from tests.game.serving.counting import Counting


def test_the_shipped_wrappers_are_found_by_name() -> None:
    assert {"input-noise", "input-levels", "input-blur", "output-labels"} <= set(wrappers.classes())


def test_an_unknown_wrapper_is_refused_with_a_hint() -> None:
    with pytest.raises(RegistryError, match=r"no wrapper is called 'input-nois'.*input-noise"):
        wrappers.find("input-nois")


def test_settings_are_checked() -> None:
    with pytest.raises(RegistryError, match="levels"):
        wrappers.make(PlayerSpec(name="input-levels", settings={"levels": 1}))


def test_a_name_is_taken_once() -> None:
    with pytest.raises(RegistryError, match="'input-noise' is taken by InputNoise"):

        @wrapper("input-noise")
        @dataclass(frozen=True, kw_only=True)
        class Other(Wrapper):
            def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
                return answer(inputs)


def test_wrappers_are_written_down_and_read_back() -> None:
    counting = Counting(secret="ab" * 16, step=2.0, tensors={"bias": torch.arange(3.0)})
    blob = pack_wrappers((InputNoise(deviation=0.5), counting)).to_bytes()
    noise, again = unpack_wrappers(Bundle.from_bytes(blob))
    assert noise == InputNoise(deviation=0.5)
    assert again == counting
    assert torch.equal(again.tensors["bias"], torch.arange(3.0))


def test_a_secret_is_in_no_repr() -> None:
    assert "abab" not in repr(Counting(secret="ab" * 16))


def test_a_deliverable_with_an_unknown_wrapper_is_invalid(tiny: Model) -> None:
    bundle = Deliverable(tiny, (InputLevels(), OutputLabels())).bundle()
    bundle.data["parts"]["serving"]["wrappers"][0]["name"] = "nobody"
    with pytest.raises(InvalidDeliverable, match="no wrapper is called 'nobody'"):
        Deliverable.read(bundle)
