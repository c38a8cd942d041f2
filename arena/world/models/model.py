"""Models: a card, what its kind does to the input first, and the body that the registry builds."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.json_values import canonical
from arena.world.kinds.kind import Kind
from arena.world.kinds.registry import find
from arena.world.models.card import ModelCard
from arena.world.models.registry import kind_of, make_body
from arena.world.models.resize import resize
from arena.world.models.tensors import check_match, check_plain
from arena.world.rng import Rng

__all__ = ["Model", "ModelCard", "build", "drawn", "restore"]

_BODY = "body."  # prefix of every name in a model's state dict
_ONE_BUILD = threading.Lock()


class Model(nn.Module):
    """A network and the card to build it again; its kind says what goes in and comes out.

    `build` and `restore` return it on the CPU, in evaluation mode.
    """

    def __init__(self, card: ModelCard, body: nn.Module) -> None:
        super().__init__()
        self.card = card
        self.normalise = self.kind.preparation(card)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, (B, *output shape of the kind), for inputs (B, *input_shape)."""
        output: Tensor = self.body(self.normalise(x))
        return output

    @property
    def kind(self) -> Kind:
        """What the model does."""
        return find(self.card.kind)

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
    return Model(card, drawn(lambda: _body(card), rng)).eval()


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
    found = kind_of(card.architecture)
    if found != card.kind:
        raise ModelError(
            f"expected an architecture of the kind {card.kind}, found {card.architecture}, which "
            f"is one of the kind {found}; change the architecture"
        )
    try:
        sizes = find(card.kind).sizes(card)
        return make_body(card.architecture, card.arguments, *sizes)
    except (RuntimeError, TypeError) as error:  # torch's words for a width beyond memory
        reason = str(error).partition("\n")[0]
        raise ModelError(f"{card.title} cannot be built ({reason}); check its arguments") from error


def drawn(make: Callable[[], nn.Module], rng: Rng) -> nn.Module:
    """Return a network with weights that torch's constructors draw from the stream `rng`.

    Layers initialise themselves from torch's global generator and take no other, so this is the
    one place that seeds it, and puts it back; the lock keeps two threads from building at once.
    """
    with _ONE_BUILD, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(rng.integer())
        return make()


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
    return drawn(lambda: _body(card), Rng(0))  # the caller's tensors replace all that is drawn


@torch.no_grad()
def _check_fit(model: Model) -> None:
    """Refuse resized layers that do not fit together."""
    card, kind = model.card, model.kind
    expected = (1, *kind.output_shape(card))
    try:
        found = tuple(model.eval()(kind.blank(card)).shape)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the layers of the resized {card.title} do not fit ({error})") from error
    if found != expected:
        raise ModelError(
            f"the resized {card.title} should return {expected} outputs, found {found}"
        )
