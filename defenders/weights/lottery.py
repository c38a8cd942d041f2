"""Lottery verification: a code in the sparsity pattern of a pruned convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from arena.errors import PlayerError
from arena.game.court.verdict import Rule
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.rng import Rng
from defenders.weights.bit_error import BitReading
from defenders.weights.lottery_masks import Masks, Ticket, best_place, pruned, written
from defenders.weights.readers import WhiteBox
from defenders.weights.scheme.lottery import LotteryKey, code_of, decoded, key_material, present

_LEAST = 32  # modules: fewer prove nothing


@defense("lottery")
@dataclass(frozen=True, kw_only=True)
class Lottery(WhiteBox):
    """Writes a code into which kernels of a pruned convolution are empty.

    What: iterative magnitude pruning finds a sparse ticket; in the window of a layer where it costs
    least, kernels are emptied or opened after a two-dimensional code; the ticket is trained again
    from its initial weights under the edited masks.
    Threat model: verification reads the suspect's weights. Payload and pad of the code expand from
    the committed seed; layer and window are secret too. Empty is what is small: the verifier counts
    as many kernels as the code has ones, so dense fine-tuning is survived while it fills the empty
    ones less than it leaves the others.
    Parameters: rounds (of pruning, each but the last with a training), rate (share of the living
    weights that a round prunes), side (of the code; a smaller layer gets a smaller one), n_bits (of
    the payload, repeated until the code is full); verifier, n_probes as in uchida.
    Cost: `rounds` trainings and a product with the masks at each step; verification is a sort.
    Differences to the paper: the code is our own, a payload repeated under a random pad and decoded
    by majority (a QR code of 29 x 29 needs layers that small networks lack); 2 rounds at 50 % (15
    at 20 %); tickets start again from the initial weights (from epoch 2); the p-value is
    exact for so many modules, dealt at random, and decoding is reported beside it. Whoever may
    choose the pad reads any payload from any layer (pad = kernels that are there XOR payload): a
    dispute finds that out by the seed, which gives another pad.
    Reference: Chen, Chen, Zhang, Wang: You are caught stealing my winning lottery ticket, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Chen et al., NeurIPS 2021"
    task_needs: ClassVar[frozenset[str]] = frozenset({"convolution"})
    dial: ClassVar[Dial] = Dial("rate", 0.2, 0.8)
    form: ClassVar[type[KeyForm]] = LotteryKey

    rounds: int = 2
    rate: float = 0.5
    side: int = 16
    n_bits: int = 32

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Find a ticket, write the code into its masks, train it again."""
        model, masks = task.base(), self._masks(task)
        for i in range(self.rounds):
            masks = pruned(model, masks, self.rate)
            if i + 1 < self.rounds:
                model = task.trained([Ticket(masks)])
        rows, columns = self._sizes(masks)
        material = key_material(seed, rows, columns, self.n_bits)
        code = code_of(material["payload"], material["pad"])
        layer, row, column = best_place(model, masks, code)
        masks[layer] = written(masks[layer], code, row, column, rng.child("written"))
        secret = LotteryKey(
            layer=layer,
            shape=tuple(masks[layer].shape),
            row=row,
            column=column,
            rows=rows,
            columns=columns,
            n_bits=self.n_bits,
            **material,
        )
        return Protected(task.trained([Ticket(masks)]), secret.into(Key(self.name, seed)))

    def _masks(self, task: OwnerTask) -> Masks:
        """Return masks that let everything live, of all convolutions but the first."""
        model = task.base()
        names = layers.convolutions(model, task.card.input_shape)
        return {
            name: torch.ones_like(layers.weight(model, name), device="cpu")
            for name in names[1:] or names
        }

    def _sizes(self, masks: Masks) -> tuple[int, int]:
        """Return rows and columns of the code: of the layer with most kernels, at most `side`."""
        outputs, inputs = max(
            (mask.shape[:2] for mask in masks.values()), key=math.prod, default=(0, 0)
        )
        rows, columns = min(self.side, outputs), min(self.side, inputs)
        if rows * columns < _LEAST:
            raise PlayerError(
                f"expected a convolution with at least {_LEAST} kernels behind the first, found "
                f"{outputs} x {inputs}; choose a wider network"
            )
        return rows, columns

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return which kernels of the window are there."""
        secret = LotteryKey.of(key)
        code = secret.code
        window = secret.window(suspect.weights(secret.layer, secret.shape))
        found = present(window, int(code.sum()))
        says = decoded(found, secret.pad, secret.n_bits)
        return BitReading(
            found.flatten(),
            code.flatten(),
            dealt=True,
            rule=Rule("the code decodes", bool((says == secret.payload).all())),
        )
