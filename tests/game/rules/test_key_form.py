"""Typed keys: what a form writes into a key, and what it leaves there."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from arena.game.rules.key_form import KeyForm, Tensors
from arena.game.rules.keys import Key


@dataclass(frozen=True, kw_only=True)
class Maps(KeyForm):
    """A form with a group of tensors."""

    maps: Tensors = field(metadata={"name": "map"})


def test_what_a_group_no_longer_holds_goes_and_what_is_beside_stays() -> None:
    one, two = torch.zeros(1), torch.ones(2)
    key = Maps(maps={"0": one, "1": two}).into(Key("s", tensors={"other": two}))
    fewer = Maps(maps={"0": two}).into(key)
    assert set(fewer.tensors) == {"map/0", "other"}
    assert Maps.of(fewer).maps.keys() == {"0"}
    assert torch.equal(Maps.of(fewer).maps["0"], two)
