"""Classifiers: a card, the normalisation that it names, and the body that the registry builds."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.json_values import canonical
from arena.world.models.card import ModelCard
from arena.world.models.nets.blocks import logits_shape
from arena.world.models.registry import make_body
from arena.world.models.resize import resize
from arena.world.models.tensors import check_match, check_plain
from arena.world.rng import Rng

__all__ = ["Model", "ModelCard", "Normalise", "build", "restore"]

_BODY = "body."  # prefix of every name in a classifier's state dict
_ONE_BUILD = threading.Lock()


class Normalise(nn.Module):
    """`(x - mean) / std`; the constants come from the card and are not in the state dict."""

    mean: Tensor
    std: Tensor

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        ones = [1] * (len(card.input_shape) - 1)
        self.register_buffer("mean", torch.tensor(card.mean).view(-1, *ones), persistent=False)
        self.register_buffer("std", torch.tensor(card.std).view(-1, *ones), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input, (B, *input_shape)."""
        return (x - self.mean) / self.std


class Model(nn.Module):
    """A network from inputs in [0, 1] to logits, and the card to build it again.

    `build` and `restore` return it on the CPU, in evaluation mode.
    """

    def __init__(self, card: ModelCard, body: nn.Module) -> None:
        super().__init__()
        self.card = card
        self.normalise = Normalise(card)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B, n_classes), of inputs in [0, 1], (B, *input_shape)."""
        logits: Tensor = self.body(self.normalise(x))  # (B, n_classes)
        return logits

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def copy(self) -> Model:
        """Return a copy that shares no memory with this model."""
        return copy.deepcopy(self)

    def digest(self) -> str:
        """Return the SHA-256 over the card and all tensors: names, types, shapes and bytes."""
        hashed = hashlib.sha256(canonical(self.card.plain()).encode())
        for name, tensor in sorted(self.state_dict().items()):
            flat = tensor.detach().cpu().contiguous().view(-1)
            hashed.update(canonical([name, str(tensor.dtype), list(tensor.shape)]).encode())
            hashed.update(flat.view(torch.uint8).numpy().data)
        return hashed.hexdigest()


def build(card: ModelCard, rng: Rng) -> Model:
    """Return a new model whose initial weights depend on the card and the rng alone.

    Raises:
        ModelError: the registry cannot build what the card names, or the card is a resized one.
    """
    if card.resized:
        raise ModelError("a resized model is rebuilt from its tensors; use restore, not build")
    return Model(card, _drawn_body(card, rng)).eval()


def restore(card: ModelCard, tensors: Mapping[str, Tensor]) -> Model:
    """Return the model that a card and the tensors of a state dict describe.

    The tensors are copied once; no other weights are allocated. If `card.resized`, layers take the
    widths and kernel sizes of the tensors (see `resize`).

    Args:
        card: what to build.
        tensors: the state dict of a `Model`, on any device.

    Raises:
        ModelError: the architecture is not known, tensors are missing, superfluous, too large, of
            another type or shape, not finite, or do not fit together.
    """
    check_plain(tensors)
    body = _skeleton(card)
    if card.resized:
        with torch.device("meta"):
            resize(body, {name.removeprefix(_BODY): t.shape for name, t in tensors.items()})
    model = Model(card, body)
    check_match(card.title, model.state_dict(), tensors)
    own = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
    model.load_state_dict({k: v.contiguous() for k, v in own.items()}, assign=True)
    if card.resized:
        _check_fit(model)
    return model.eval()


def _body(card: ModelCard) -> nn.Module:
    try:
        return make_body(card.architecture, card.arguments, card.input_shape, card.n_classes)
    except (RuntimeError, TypeError) as error:  # torch's words for a width beyond memory
        reason = str(error).partition("\n")[0]
        raise ModelError(f"{card.title} cannot be built ({reason}); check its arguments") from error


def _drawn_body(card: ModelCard, rng: Rng) -> nn.Module:
    """Return the body with weights that torch's constructors draw from the stream `rng`.

    Layers initialise themselves from torch's global generator and take no other, so this is the
    one place that seeds it, and puts it back; the lock keeps two threads from building at once.
    """
    with _ONE_BUILD, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(rng.integer())
        return _body(card)


def _skeleton(card: ModelCard) -> nn.Module:
    """Return the body without memory, or with it where the architecture needs real numbers.

    Those are constructors that compute with tensors, and constants outside the state dict.
    """
    try:
        with torch.device("meta"):
            body = _body(card)
        state = body.state_dict()
        if all(name in state for name, _ in body.named_buffers()):
            return body
    except ModelError as error:
        if "meta tensor" not in str(error):  # torch's words for reading a number that is not there
            raise
    return _drawn_body(card, Rng(0))  # all that is drawn is replaced by the caller's tensors


def _check_fit(model: Model) -> None:
    """Refuse resized layers that do not fit together."""
    card = model.card
    try:
        found = logits_shape(model, card.input_shape)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the layers of the resized {card.title} do not fit ({error})") from error
    if found != (1, card.n_classes):
        raise ModelError(
            f"the resized {card.title} should return (1, {card.n_classes}) logits, found {found}"
        )
