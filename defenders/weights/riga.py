"""RIGA: bits that a trained extractor reads from the weights, hidden from a critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key, expand
from arena.game.rules.projection import Projection
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.rng import Rng
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import Embed, WhiteBox, embedded
from defenders.weights.riga_training import Contest, Rivals, fresh_net, reordered
from defenders.weights.scheme.riga import RigaKey, key_material
from defenders.weights.scheme.uchida import carrier
from defenders.weights.uchida import target_layer

_ORDERS = 16  # in which the channels of a null model are shown


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
    form: ClassVar[type[KeyForm]] = RigaKey

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
        shape = tuple(layers.weight(base, layer).shape)
        material = key_material(seed, self.n_bits)
        unmarked = [base, *(null.model() for null in _alike(task)[::2])]
        pool = torch.cat(
            [
                reordered(model, layer, _ORDERS, rng.child("pool", i))
                for i, model in enumerate(unmarked)
            ]
        )
        start = fresh_net(expand(seed, "riga extractor"), pool.shape[1], self.hidden, self.n_bits)
        hook = Rivals(self._contest(), layer, material["bits"], pool, start)
        model = embedded(task, [hook], self.embed)
        secret = RigaKey(
            layer=layer,
            shape=shape,
            n_bits=self.n_bits,
            extractor={str(i): part.detach().cpu() for i, part in enumerate(hook.extractor)},
            unit=hook.unit.cpu(),
            **material,
        )
        return Protected(model, secret.into(Key(self.name, seed)))

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

    @property
    def readings(self) -> int:
        """Return in how many orders of its channels a null model is read; aligned it has one."""
        return 1 if self.verifier == "aligned" else _ORDERS

    def null_matches(self, task: OwnerTask, key: Key, rng: Rng) -> list[int]:
        """Return the matches of the null models on which the extractor did not learn."""
        others = _alike(task)[1::2]
        if self.verifier == "aligned":
            return self.matches_of(key, others)
        secret = RigaKey.of(key)
        orders = [
            reordered(null.model(), secret.layer, self.readings, rng.child("calibration", i))
            for i, null in enumerate(others)
        ]
        if not orders:
            return []
        found = secret.extracted(torch.cat(orders))
        return [int(n) for n in (found == secret.bits.bool()).sum(1)]

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return what the extractor says of the suspect's weights."""
        secret = RigaKey.of(key)
        weight = suspect.weights(secret.layer, secret.shape)
        return BitReading(secret.extracted(carrier(weight)[None])[0], secret.bits)

    def projection(self, key: Key, suspect: Suspect) -> Projection:
        """Return the extractor's last layer, bias included, and the hidden units that it reads."""
        secret = RigaKey.of(key)
        units = secret.units(carrier(suspect.weights(secret.layer, secret.shape)))
        features = torch.cat([units, torch.ones_like(units[:, :1])], 1)
        return Projection(secret.rows, features, secret.bits[:, None])

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with another last layer of the extractor."""
        return RigaKey.of(key).with_rows(rows).into(key)
