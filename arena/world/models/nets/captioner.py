"""Show, attend and tell: a convolutional encoder, attention, and an LSTM that writes words.

Every layer has a name of its own. The LSTM's new state passes through `hidden` on its way to the
words, and through `fed` on its way to attention and to its own next step: hooks find it there.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.models.nets.blocks import image_shape, initialise
from arena.world.models.nets.recurrence import HiddenUnits
from arena.world.models.registry import architecture

_MOST_BEAMS = 64
_SPREAD = 0.1  # of the vectors that tell places apart


class State(NamedTuple):
    """What the decoder carries from word to word: (B, H) each, the first as it is fed on."""

    hidden: Tensor
    cell: Tensor


class Seen(NamedTuple):
    """What the encoder found: (B, L, D) features of L places, and what attention compares."""

    places: Tensor
    keys: Tensor

    def repeated(self, n: int) -> Seen:
        """Return each image's features n times, side by side."""
        return Seen(self.places.repeat_interleave(n, 0), self.keys.repeat_interleave(n, 0))


class Captioner(nn.Module):
    """From images (B, C, H, W) to captions (B, T) of words; word 0 ends one.

    While it is taught, it returns the logits (B, T, V) of each word of the captions that it is
    told, given the words before (teacher forcing).
    """

    hidden_units = HiddenUnits(
        rnn="lstm", writers=("begin_hidden", "begin_cell"), shown="hidden", readers=("word",),
        fed="fed", fed_readers=("query",),
    )  # fmt: skip

    def __init__(
        self, image: tuple[int, int, int], length: int, n_words: int, width: int, hidden: int
    ) -> None:
        super().__init__()
        channels, height, breadth = image
        depth, n_places = 2 * width, (height // 4) * (breadth // 4)
        self.encoder = nn.Sequential(OrderedDict(_encoder_layers(channels, width)))
        self.places = nn.Parameter(torch.randn(n_places, depth) * _SPREAD)
        self.begin_hidden, self.begin_cell = nn.Linear(depth, hidden), nn.Linear(depth, hidden)
        self.begin_tanh = nn.Tanh()
        self.embedding = nn.Embedding(n_words, width)
        self.key, self.query = nn.Linear(depth, depth), nn.Linear(hidden, depth)
        self.attention_tanh, self.score = nn.Tanh(), nn.Linear(depth, 1)
        self.lstm = nn.LSTM(width + depth, hidden, batch_first=True)
        self.hidden, self.fed = nn.Identity(), nn.Identity()
        self.word = nn.Linear(hidden, n_words)
        self.length, self.beam = length, 1
        self._told: Tensor | None = None
        initialise(self)

    @contextlib.contextmanager
    def taught(self, captions: Tensor) -> Iterator[None]:
        """Let the network be told what the words (B, T) before each are."""
        self._told = captions
        try:
            yield
        finally:
            self._told = None

    def forward(self, images: Tensor) -> Tensor:
        """Return captions (B, T), or logits (B, T, V) while it is taught."""
        seen, state = self.look(images)
        if self._told is not None:
            return self._followed(seen, state, self._told)
        if self.beam > 1:
            return self._searched(seen, state)
        return self._greedy(seen, state)

    def look(self, images: Tensor) -> tuple[Seen, State]:
        """Return what the encoder finds in images (B, C, H, W), and the state it begins with."""
        features = self.encoder(images).flatten(2).transpose(1, 2) + self.places  # (B, L, D)
        mean = features.mean(1)
        begin = self.begin_tanh(self.begin_hidden(mean))
        return Seen(features, self.key(features)), State(self.fed(begin), self.begin_cell(mean))

    def step(self, words: Tensor, seen: Seen, state: State) -> tuple[Tensor, State]:
        """Return the logits (B, V) of what follows words (B,), and the state behind them."""
        compared = self.attention_tanh(seen.keys + self.query(state.hidden)[:, None])
        weights = self.score(compared).softmax(1)  # (B, L, 1)
        context = (weights * seen.places).sum(1)
        entry = torch.cat([self.embedding(words), context], 1)[:, None]
        carried = (state.hidden[None].contiguous(), state.cell[None].contiguous())
        _, (hidden, cell) = self.lstm(entry, carried)
        told = self.hidden(hidden[0])
        return self.word(told), State(self.fed(hidden[0]), cell[0])

    def _followed(self, seen: Seen, state: State, captions: Tensor) -> Tensor:
        words, logits = torch.zeros_like(captions[:, 0]), []
        for place in range(captions.shape[1]):
            row, state = self.step(words, seen, state)
            logits.append(row)
            words = captions[:, place]
        return torch.stack(logits, 1)

    def _greedy(self, seen: Seen, state: State) -> Tensor:
        words = torch.zeros(len(seen.places), dtype=torch.int64, device=seen.places.device)
        ended, caption = torch.zeros_like(words, dtype=torch.bool), []
        for _ in range(self.length):
            logits, state = self.step(words, seen, state)
            words = logits.argmax(1).masked_fill(ended, 0)
            ended = ended | (words == 0)
            caption.append(words)
        return torch.stack(caption, 1)

    def _searched(self, seen: Seen, state: State) -> Tensor:
        """Return the most probable of `beam` captions that are followed side by side."""
        n, beam = len(seen.places), self.beam
        seen = seen.repeated(beam)
        state = State(*(part.repeat_interleave(beam, 0) for part in state))
        words = torch.zeros(n * beam, dtype=torch.int64, device=seen.places.device)
        captions = words.new_zeros(n, beam, 0)
        scores = seen.places.new_full((n, beam), -torch.inf)
        scores[:, 0] = 0  # all beams begin alike
        first = torch.arange(n, device=words.device)[:, None] * beam
        for place in range(self.length):
            logits, state = self.step(words, seen, state)
            rows = logits.log_softmax(1).view(n, beam, -1)
            if place:
                over = captions[:, :, -1] == 0
                stays = torch.full_like(rows[0, 0], -torch.inf)
                stays[0] = 0  # behind its end nothing but empty words
                rows = torch.where(over[:, :, None], stays, rows)
            n_words = rows.shape[2]
            scores, best = (scores[:, :, None] + rows).flatten(1).topk(beam, 1)
            origin, chosen = best // n_words, best % n_words
            captions = captions.gather(1, origin[:, :, None].expand(-1, -1, place))
            captions = torch.cat([captions, chosen[:, :, None]], 2)
            words, at = chosen.flatten(), (first + origin).flatten()
            state = State(*(part[at] for part in state))
        return captions[:, 0]


def _encoder_layers(channels: int, width: int) -> Iterator[tuple[str, nn.Module]]:
    sizes = ((channels, width), (width, 2 * width), (2 * width, 2 * width))
    for i, (n_in, n_out) in enumerate(sizes, start=1):
        yield f"conv{i}", nn.Conv2d(n_in, n_out, 3, padding=1)
        yield f"norm{i}", nn.BatchNorm2d(n_out)
        yield f"relu{i}", nn.ReLU()
        if i > 1:
            yield f"pool{i}", nn.MaxPool2d(2)


@architecture("attend-lstm", kind="captioner")
def attend_lstm(
    shape: tuple[int, ...],
    caption: tuple[int, ...],
    n_words: int,
    *,
    width: int = 16,
    hidden: int = 64,
    beam: int = 1,
) -> nn.Module:
    """Show, attend and tell: three convolutions, additive attention, an LSTM that writes words.

    Source: Xu et al., ICML 2015; the attention is that of Bahdanau et al., ICLR 2015. The encoder
    is trained with the rest, in the place of a frozen one of 50 layers; each place of the feature
    map has a learnt vector of its own.

    Args:
        shape: (C, H, W) of an image, at least 4x4 pixels.
        caption: (T,), words of the longest caption.
        n_words: how many words there are, with the empty one.
        width: channels of the first convolution; the features have twice as many.
        hidden: units of the LSTM.
        beam: captions that are followed side by side; 1 takes the most probable word each time.

    Raises:
        ModelError: a size is not one of these.
    """
    image = image_shape("attend-lstm", shape, least=4)
    if (
        len(caption) != 1
        or min(*caption, n_words, width, hidden) < 1
        or not 1 <= beam <= _MOST_BEAMS
    ):
        raise ModelError(
            f"attend-lstm takes captions (T,), sizes from 1 up and a beam from 1 to {_MOST_BEAMS}, "
            f"found {caption}, {n_words=}, {width=}, {hidden=}, {beam=}"
        )
    network = Captioner(image, caption[0], n_words, width, hidden)
    network.beam = beam
    return network
