"""RecurrentIPR: a classifier that works with and without a key, which is a batch of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.court.verdict import Rule
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.recurrent.scheme import (
    SequenceKey,
    cell_of,
    drawn_sequences,
    entries,
    keyed_logits,
    sign_loss,
    walk,
)
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import WhiteBox

_N_FORGED = 4  # keys in whose place the owner's is compared
_FALLS = 0.1  # accuracy that a forged key must cost, in the paper's rule


class KeyedBranch(Hook):
    """The same classes with the key as without, and the sign loss on the key's first state."""

    def __init__(self, key: SequenceKey, margin: float, strength: float, owner: OwnerTask) -> None:
        self.margin, self.strength, self.meter = margin, strength, owner.lab.meter
        self.sequences, self.signs = key.sequences, key.bits.float() * 2 - 1

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the key to the device."""
        self.sequences, self.signs = self.sequences.to(device), self.signs.to(device)

    def loss(self, view: StepView) -> Tensor:
        """Return both terms."""
        model = view.model
        assert isinstance(model, Model)  # noqa: S101 - the engine trains nothing else
        n = len(view.inputs) + len(self.sequences)
        self.meter.charge({"images_forward": n, "images_backward": n})
        keyed = keyed_logits(model, view.inputs, self.sequences).float()
        first = walk(cell_of(model), self.sequences[:, :1]).first
        signs = self.strength * sign_loss(first.float(), self.signs, self.margin)
        return F.cross_entropy(keyed, view.targets) + signs


@defense("recurrent-ipr")
@dataclass(frozen=True, kw_only=True)
class RecurrentIpr(WhiteBox):
    """Trains a recurrent classifier to work with a key of sequences too, and bits into its signs.

    What: the key is a batch of secret sequences that runs through the same cell; the mean over the
    batch of its forget gate (LSTM) or reset gate (GRU) multiplies hidden state and cell, step by
    step. The model learns its classes both with and without it, and a hinge loss holds the signs of
    the key's first hidden state to secret bits. The released model is asked without the key.
    Threat model: verification reads the suspect's weights and runs the key through them. Secret are
    sequences and bits, expanded from one committed seed.
    Parameters: n_sequences (in the key); margin, strength of the sign loss; n_images (probe images
    on which accuracies with the key and with forged ones are shown); embed ("train" from scratch,
    "fine-tune" the finished model); verifier, n_probes as in uchida.
    Cost: one more pass of each batch and of the key in a step; verification is a pass of the key
    and six of n_images.
    Differences to the paper: both passes are in every step, where the paper alternates; sequences
    are normal numbers from the seed, where it takes examples. Accuracies with the true key and with
    forged ones are reported and are the paper's rule; the p-value is that of the signs alone. No
    trigger set: `adi` and `zhang` are owners of their own.
    Reference: Tan, Chan, Ng: An embarrassingly simple approach for intellectual property rights
    protection on recurrent neural networks, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tan et al., AACL 2022"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "images", "recurrent"})
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"model": "row-rnn", "arguments": {"hidden": 32}, "recipe": {"epochs": 4, "lr": 0.01}}
    )
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_images": 32, "n_probes": 32})
    dial: ClassVar[Dial] = Dial("strength", 0.01, 1.0, "log")
    form: ClassVar[type[KeyForm]] = SequenceKey

    n_sequences: Annotated[int, Field(ge=1)] = 16
    margin: Annotated[float, Field(gt=0)] = 0.1
    strength: Annotated[float, Field(ge=0)] = 0.1
    n_images: Annotated[int, Field(ge=16)] = 128
    embed: Literal["train", "fine-tune"] = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with and without the key."""
        base, shown = task.base(), task.probe.select(torch.arange(len(task.probe))[: self.n_images])
        secret = SequenceKey(
            n_units=cell_of(base).hidden_size,
            entry=tuple(entries(base, shown.images[:1].float() / 255).shape[1:]),
            n_sequences=self.n_sequences,
            sequences=torch.zeros(0),
            bits=torch.zeros(0),
            images=shown.images.cpu(),
            labels=shown.labels.cpu(),
        ).expanded(seed)
        if self.embed == "fine-tune":
            task = replace(task, marks_base=True)
        model = task.trained([KeyedBranch(secret, self.margin, self.strength, task)])
        return Protected(model, secret.into(Key(self.name, seed)))

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the key's first state, and accuracies with this and forged keys."""
        secret, model = SequenceKey.of(key), suspect.model()
        rnn = cell_of(model)
        found = (rnn.hidden_size, rnn.input_size, model.card.input_shape)
        wanted = (secret.n_units, secret.entry[1], tuple(secret.images.shape[1:]))
        if found != wanted:
            raise NotComparable(
                f"the suspect has {found[0]} hidden units and reads {found[1]} numbers a step of "
                f"{found[2]}; the key reads {wanted[0]}, {wanted[1]} and {wanted[2]}"
            )
        with torch.no_grad():
            first = walk(rnn, secret.sequences.float()).first.mean(0)
        plain = suspect.compute.accuracy(model, secret.images, secret.labels)
        true = _accuracy(model, secret, secret.sequences)
        others = (
            drawn_sequences(f"forged {i}", secret.n_sequences, secret.entry)
            for i in range(_N_FORGED)
        )
        forged = sum(_accuracy(model, secret, other) for other in others) / _N_FORGED
        suspect.n_queries += (2 + _N_FORGED) * len(secret.images)
        figures: dict[str, Json] = {
            "accuracy/plain": plain,
            "accuracy/true": true,
            "accuracy/forged": forged,
        }
        bits = (first > 0).long()
        holds = bool((bits == secret.bits).all()) and true - forged >= _FALLS
        rule = Rule("BER = 0, a forged key fails", holds)
        return BitReading(bits, secret.bits, rule=rule, figures=figures)


@torch.no_grad()
def _accuracy(model: Model, secret: SequenceKey, sequences: Tensor) -> float:
    """Return the accuracy on the key's images with some key, on the CPU."""
    images = secret.images.float() / 255
    said = keyed_logits(model.cpu(), images, sequences.float()).argmax(1)
    return float((said == secret.labels).double().mean())
