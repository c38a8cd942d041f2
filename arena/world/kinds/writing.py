"""Writing with a model of language: one token after the other, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor

from arena.world.rng import Rng

if TYPE_CHECKING:
    from arena.world.kinds.kind import Steer
    from arena.world.models.model import Model

_BATCH = 128  # texts that are written side by side


class Writer(Protocol):
    """A network that can write: it carries along what it made of the tokens that it read."""

    def past(self) -> object:
        """Return what holds nothing that was read."""

    def __call__(self, tokens: Tensor, past: object) -> Tensor:
        """Return logits (N, t, V) of tokens (N, t) behind a past, which they become part of."""


def plain(tokens: Tensor, scores: Tensor) -> Tensor:
    """Return the scores as they are: how a text without a mark is written."""
    return scores


def written(model: Model, prompts: Tensor, length: int, steer: Steer, rng: Rng) -> Tensor:
    """Return the tokens (N, length) that a model writes behind prompts (N, t), on the CPU.

    Each is the largest of score + Gumbel noise, which draws it from the softmax of the scores
    (Gumbel 1954; Maddison et al., NeurIPS 2014).

    Args:
        model: in its place.
        prompts: what is read first.
        length: how many tokens are written behind each.
        steer: changes log-probabilities before the draw.
        rng: of the draws.
    """
    model.eval()
    parts = torch.split(prompts.long(), _BATCH)
    return torch.cat(
        [_written(model, part, length, steer, rng.child(i)) for i, part in enumerate(parts)]
    )


@torch.no_grad()
def _written(model: Model, prompts: Tensor, length: int, steer: Steer, rng: Rng) -> Tensor:
    device = next(model.parameters()).device
    draw = rng.torch()
    start = prompts.shape[1]
    tokens = torch.cat([prompts, prompts.new_zeros(len(prompts), length)], 1)
    body = cast(Writer, model.body)
    context, past, n_read, first = model.card.input_shape[0], body.past(), 0, 0
    for at in range(start, start + length):
        if at - first > context:  # full: go on from the second half
            first, past = at - context // 2, body.past()
            n_read = first
        logits = body(tokens[:, n_read:at].to(device), past)[:, -1]
        n_read = at
        scores = steer(tokens[:, :at], logits.float().log_softmax(1).cpu())
        uniform = torch.rand(scores.shape, generator=draw).clamp_(1e-12, 1 - 1e-7)
        tokens[:, at] = (scores - (-uniform.log()).log()).argmax(1)
    return tokens[:, start:]
