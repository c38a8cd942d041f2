"""Lottery's code: what a pad that may be chosen proves, and who finds it out."""

from __future__ import annotations

import torch

from arena.game.court.dispute import CHECKS, Court, Party
from arena.game.rules.keys import Key, Register, expand, random_bits
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.weights.lottery import Lottery
from defenders.weights.scheme.lottery import LotteryKey, code_of, kernel_norms, present
from tests.defenders.conftest import COMPUTE

SIDE, N_BITS, SEED = 16, 32, "5e" * 32


def forged(model: Model) -> Key:
    """Return a key whose pad makes a payload of what is there: pad = kernels XOR payload."""
    layer = layers.convolutions(model, model.card.input_shape)[1]
    weight = layers.weight(model, layer)
    there = present(kernel_norms(weight)[:SIDE, :SIDE], SIDE * SIDE // 2).to(torch.uint8)
    payload = random_bits(expand(SEED, "lottery payload"), N_BITS)
    secret = LotteryKey(
        layer=layer,
        shape=tuple(weight.shape),
        row=0,
        column=0,
        rows=SIDE,
        columns=SIDE,
        n_bits=N_BITS,
        payload=payload,
        pad=code_of(payload, torch.zeros_like(there)) ^ there,
    )
    return secret.into(Key("lottery", SEED))


def test_a_chosen_pad_reads_its_payload_from_any_model_and_the_dispute_says_so(
    task: Task,
) -> None:
    model, scheme = build(task.card, Rng(0)), Lottery()  # nothing was ever written into it
    key, suspect = forged(model), Suspect.bare(model, COMPUTE)
    verdict = scheme.verify(key, suspect, Rng(0))
    assert verdict.statistic == 0
    assert verdict.p_value < 1e-6
    court = Court(suspect, Register(), (), Rng(0), CHECKS["seeded"])
    ruling = court.rule(Party(scheme, key, model), Party(scheme, key, None))
    assert ruling.winner == "owner"
    assert "the claimed key is not what its seed expands to" in ruling.reasons
