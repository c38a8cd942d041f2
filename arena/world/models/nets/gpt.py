"""GPT: a decoder of tokens, small enough to be trained on one core."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.models.registry import architecture

_DEVIATION = 0.02  # of initial weights
_MOST_BLOCKS = 256  # a card comes from anybody, and each block is built before tensors are compared


@dataclass
class Past:
    """Keys and values (B, H, t, D) of each layer for the tokens that were read so far."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Return how many tokens were read."""
        return self.layers[0][0].shape[2] if self.layers else 0


class Attention(nn.Module):
    """Causal self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: Past | None = None, layer: int = 0) -> Tensor:
        """Return what each of (B, T, C) takes from those before it; a past is carried on."""
        n, length, width = x.shape
        split = self.qkv(x).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        if past is not None:
            if layer < len(past.layers):
                key = torch.cat([past.layers[layer][0], key], 2)
                value = torch.cat([past.layers[layer][1], value], 2)
                past.layers[layer] = key, value
            else:
                past.layers.append((key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=length > 1)
        joined: Tensor = self.out(mixed.transpose(1, 2).reshape(n, length, width))
        return joined


class Block(nn.Module):
    """Attention, then two linear layers; each adds to what goes in and is normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.up = nn.LayerNorm(width), nn.Linear(width, 4 * width)
        self.act, self.down = nn.GELU(), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, past: Past | None = None, layer: int = 0) -> Tensor:
        """Return (B, T, C)."""
        x = x + self.attention(self.norm1(x), past, layer)
        fed: Tensor = x + self.down(self.act(self.up(self.norm2(x))))
        return fed


class GPT(nn.Module):
    """From tokens (B, T) to the logits (B, T, V) of the token that follows each of them."""

    def __init__(self, context: int, vocabulary: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)
        self.context = context
        self._initialise(depth)

    def forward(self, tokens: Tensor, past: Past | None = None) -> Tensor:
        """Return logits; with a `past`, tokens are those behind it, one at a time after the first.

        Past and tokens together are at most the context.
        """
        start = 0 if past is None else past.length
        at = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self.tokens(tokens) + self.positions(at)
        for layer, block in enumerate(self.blocks):
            x = block(x, past, layer)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def past(self) -> Past:
        """Return a past of no tokens."""
        return Past()

    @torch.no_grad()
    def _initialise(self, depth: int) -> None:
        """Draw as GPT-2 does: small weights, smaller ones where a block adds to its input."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                adds = name.endswith(("out.weight", "down.weight"))
                deviation = _DEVIATION / (2 * depth) ** 0.5 if adds else _DEVIATION
                nn.init.normal_(parameter, 0.0, deviation)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


@architecture("gpt", kind="language")
def gpt(
    shape: tuple[int, ...], vocabulary: int, *, depth: int = 4, width: int = 128, heads: int = 4
) -> nn.Module:
    """GPT: learnt positions, pre-normalised blocks of attention and GELU, as GPT-2.

    Source: Radford et al., 2019 (GPT-2).

    Args:
        shape: (T,), the longest context.
        vocabulary: how many tokens there are.
        depth: blocks.
        width: numbers that stand for a token.
        heads: of attention.

    Raises:
        ModelError: a size is below 1, there are too many blocks, or the heads do not divide the
            width.
    """
    if len(shape) != 1 or min(vocabulary, depth, width, heads) < 1 or width % heads:
        raise ModelError(
            f"gpt takes texts (T,), sizes from 1 up and heads that divide its width, found "
            f"{shape}, {vocabulary=}, {depth=}, {width=}, {heads=}"
        )
    if depth > _MOST_BLOCKS:
        raise ModelError(f"expected a gpt of at most {_MOST_BLOCKS} blocks, found depth={depth}")
    return GPT(shape[0], vocabulary, depth, width, heads)
