"""RIGA: bits that a trained extractor reads from the weights, hidden from a critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.keys import Key, expand, random_bits
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.projection import Projection
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.json_values import Raw
from arena.world.rng import Rng
from defenders.weights.bit_error import Reading
from defenders.weights.readers import Embed, WhiteBox, embedded
from defenders.weights.riga_training import (
    Contest,
    Rivals,
    fresh_net,
    hidden,
    perceptron,
    reordered,
)
from defenders.weights.uchida import carrier, target_layer

_ORDERS = 16  # in which the channels of a null model are shown
_NET = "extractor/"


def extracted(tensors: Mapping[str, Tensor], rows: Tensor) -> Tensor:
    """Return the bits (B, T) that a key's extractor reads from carriers (B, M), in float64."""
    weight, bias, head, shift = (tensors[f"{_NET}{i}"].double() for i in range(4))
    rows = rows.double() / tensors["unit"].double()
    return perceptron((weight, bias, head, shift), rows) >= 0


def _alike(task: OwnerTask) -> list[Suspect]:
    """Return the null models of the victim's architecture: others have no such carrier."""
    wanted = (task.card.architecture, task.card.arguments)
    cards = [(null, null.model().card) for null in task.nulls()]
    return [null for null, card in cards if (card.architecture, card.arguments) == wanted]


@defense("riga")
@dataclass(frozen=True, kw_only=True)
class Riga(WhiteBox):
    """Trains an extractor to read random bits from one layer, and a critic to overlook them.

    What: model, extractor and critic learn together: the model makes the extractor read the bits
    and the critic take its sorted weights for unmarked ones; the extractor reads coins from
    unmarked models, so that it does not say the bits of everything.
    Threat model: verification reads the suspect's weights. Secret are extractor, bits and layer;
    the bits expand from the committed seed, the extractor is trained and only its date speaks for
    it. Null models teach extractor and critic; others of them calibrate the p-value.
    Parameters: n_bits (T); strength (of the sum over bits); hiding (of the critic's opinion; 0
    leaves the critic out); hidden (units of extractor and critic); n_critic, n_extractor (their
    steps in a round, of `batch` unmarked carriers each, RMSprop at `lr`); n_warm (steps of the
    extractor before the first round); every (optimiser steps from round to round); layer ("" as in
    uchida); embed, verifier, n_probes as in uchida.
    Cost: (n_critic + n_extractor) / every steps of small networks for each training step.
    Differences to the paper: bits are random (the published script uses all ones) and hiding is on
    (it is off there), at .003 as more makes small carriers swing; 64 bits, 128 hidden units, a
    round every 10 steps at 1e-3 (an epoch, 5e-5) for runs of a few hundred steps; the few null
    models are shown with their channels in many orders, and each order keeps its coins: with fresh
    ones at each step the extractor learns one direction, and reads all bits or none of anything.
    Reference: Wang, Kerschbaum: RIGA: Covert and robust white-box watermarking of deep neural
    networks, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Wang and Kerschbaum, WWW 2021"
    dial: ClassVar[Dial] = Dial("strength", 0.005, 0.5, "log")
    learns: ClassVar[bool] = True

    n_bits: int = 64
    strength: float = 0.05
    hiding: float = 0.003
    hidden: int = 128
    n_critic: int = 5
    n_extractor: int = 10
    n_warm: int = 300
    every: int = 10
    batch: int = 32
    lr: float = 1e-3
    layer: str = ""
    embed: Embed = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train model, extractor and critic against each other."""
        base = task.base()
        layer = self.layer or target_layer(base, self.n_bits)
        settings = {
            "layer": layer,
            "shape": list(layers.weight(base, layer).shape),
            "n_bits": self.n_bits,
        }
        tensors = self.material(seed, settings)
        unmarked = [base, *(null.model() for null in _alike(task)[::2])]
        pool = torch.cat(
            [
                reordered(model, layer, _ORDERS, rng.child("pool", i))
                for i, model in enumerate(unmarked)
            ]
        )
        start = fresh_net(expand(seed, "riga extractor"), pool.shape[1], self.hidden, self.n_bits)
        hook = Rivals(self._contest(), layer, tensors["bits"], pool, start)
        model = embedded(task, [hook], self.embed)
        tensors |= {f"{_NET}{i}": part.detach().cpu() for i, part in enumerate(hook.extractor)}
        tensors["unit"] = hook.unit.cpu()
        return Protected(model, Key(self.name, seed, settings, tensors))

    def _contest(self) -> Contest:
        return Contest(
            strength=self.strength,
            hiding=self.hiding,
            hidden=self.hidden,
            n_critic=self.n_critic,
            n_extractor=self.n_extractor,
            n_warm=self.n_warm,
            every=self.every,
            batch=self.batch,
            lr=self.lr,
        )

    def material(self, seed: str, settings: Mapping[str, Raw]) -> dict[str, Tensor]:
        """Return the bits."""
        return {"bits": random_bits(expand(seed, "riga bits"), int(settings["n_bits"]))}

    def null_matches(self, task: OwnerTask, key: Key, rng: Rng) -> list[int]:
        """Return the matches of the null models on which the extractor did not learn."""
        others = _alike(task)[1::2]
        if self.verifier == "aligned":  # an aligned model has one order
            return self.matches_of(key, others)
        bits = key.tensors["bits"].bool()
        orders = [
            reordered(null.model(), key.settings["layer"], _ORDERS, rng.child("calibration", i))
            for i, null in enumerate(others)
        ]
        found = extracted(key.tensors, torch.cat(orders)) if orders else torch.zeros(0, len(bits))
        return [int(n) for n in (found == bits).sum(1)]

    def read(self, key: Key, suspect: Suspect) -> Reading:
        """Return what the extractor says of the suspect's weights."""
        weight = suspect.weights(key.settings["layer"], tuple(key.settings["shape"]))
        found = extracted(key.tensors, carrier(weight)[None])[0]
        return Reading(found, key.tensors["bits"])

    def projection(self, key: Key, suspect: Suspect) -> Projection:
        """Return the extractor's last layer, bias included, and the hidden units that it reads."""
        given, tensors = key.settings, key.tensors
        weight, bias, head, shift = (tensors[f"{_NET}{i}"].double() for i in range(4))
        row = carrier(suspect.weights(given["layer"], tuple(given["shape"]))).double()
        units = hidden(weight, bias, row[None] / tensors["unit"].double())  # (1, hidden)
        features = torch.cat([units, torch.ones_like(units[:, :1])], 1)
        rows = torch.cat([head, shift[:, None]], 1)
        return Projection(rows, features, tensors["bits"][:, None])

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with another last layer of the extractor."""
        like = key.tensors[f"{_NET}2"]
        rows = rows.to(like)
        head = {f"{_NET}2": rows[:, :-1].contiguous(), f"{_NET}3": rows[:, -1].contiguous()}
        return replace(key, tensors={**key.tensors, **head})
