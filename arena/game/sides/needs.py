"""What players need of a task, as an open set of named predicates on what a match offers.

A player names its needs (`Player.task_needs`); a scenario that pairs a player with a task that
lacks one is refused with a sentence before anything is trained. Other people's players may register
needs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from arena.errors import RegistryError, did_you_mean
from arena.game.sides.player import Player
from arena.world import layers
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng

NULLS = "nulls"
"""The need that brings a scheme independent models to calibrate on."""

LayerSearch = Callable[[Model, tuple[int, ...]], Collection[str]]
"""One of the searches of `arena.world.layers`: (model, input shape) -> names of layers."""


@dataclass(frozen=True)
class Offer:
    """What a match offers its players.

    Attributes:
        card: of the models that are played for. n_nulls: independent models for thresholds.
    """

    card: ModelCard
    n_nulls: int = 0

    @cached_property
    def model(self) -> Model:
        """An untrained model of the card, which shows what its layers are."""
        return build(self.card, Rng(0))

    def has_any(self, types: tuple[type[nn.Module], ...]) -> bool:
        """Return whether the model has a module of one of these types."""
        return any(isinstance(module, types) for module in self.model.modules())

    def finds(self, search: LayerSearch) -> bool:
        """Return whether a search for layers finds any."""
        return bool(search(self.model, self.card.input_shape))


def _architecture(offer: Offer) -> str:
    return offer.card.title


def _input(offer: Offer) -> str:
    return f"inputs of {'x'.join(str(size) for size in offer.card.input_shape)}"


@dataclass(frozen=True)
class Need:
    """One thing that players may need.

    Attributes:
        words: what it is. met: whether an offer has it.
        found: what an offer has in its place. advice: the way out.
    """

    words: str
    met: Callable[[Offer], bool]
    found: Callable[[Offer], str] = _architecture
    advice: str = "choose another model"


def _kind(offer: Offer) -> str:
    return f"the kind {offer.card.kind}"


_NEEDS: dict[str, Need] = {
    "classes": Need("a classifier", lambda offer: offer.card.kind == "classifier", _kind),
    "generator": Need("a generator", lambda offer: offer.card.kind == "generator", _kind),
    "text": Need("a model of language", lambda offer: offer.card.vocabulary > 0, _kind),
    "captions": Need("a captioner", lambda offer: offer.card.kind == "captioner", _kind),
    "recurrent": Need("recurrent layers", lambda offer: offer.has_any(layers.RECURRENT)),
    "images": Need(
        "images (channels x height x width)",
        lambda offer: len(offer.card.input_shape) == 3,
        _input,
        "choose another data set",
    ),
    "weights": Need("convolutions or linear layers", lambda offer: offer.finds(layers.weighted)),
    "convolution": Need("convolutions", lambda offer: offer.finds(layers.convolutions)),
    "norm": Need(
        "convolutions with a batch normalisation behind",
        lambda offer: offer.finds(layers.normalised),
        advice='choose a convolutional model with norm = "batch"',
    ),
    "scales": Need(
        "batch normalisations with scales",
        lambda offer: offer.has_any((nn.BatchNorm2d,)),
        advice="choose a model that normalises its batches",
    ),
    "hidden": Need("hidden activations", lambda offer: offer.finds(layers.activations)),
    "gradients": Need(
        "a model that learns by gradients",
        lambda offer: next(offer.model.parameters(), None) is not None,
    ),
    NULLS: Need(
        "at least 2 independent models to calibrate on",
        lambda offer: offer.n_nulls >= 2,
        lambda offer: str(offer.n_nulls),
        "raise calibration_same or calibration_other in [innocents]",
    ),
}


def register_need(name: str, need: Need) -> None:
    """Enter a need under a name.

    Raises:
        RegistryError: the name is taken.
    """
    if name in _NEEDS:
        raise RegistryError(f"expected a new name for a need, {name!r} is taken; choose another")
    _NEEDS[name] = need


def find_need(name: str) -> Need:
    """Return the need of that name.

    Raises:
        RegistryError: there is none.
    """
    if name not in _NEEDS:
        raise RegistryError(f"no need is called {name!r}{did_you_mean(name, _NEEDS)}")
    return _NEEDS[name]


def unmet(player: Player, offer: Offer) -> Iterator[str]:
    """Yield a sentence for each need of a player that an offer does not meet.

    Raises:
        RegistryError: the player has a need that nobody registered.
        ModelError: no model can be built from the offered card.
    """
    for name in sorted(player.needs_of_task):
        need = find_need(name)
        if not need.met(offer):
            yield f"{player.name!r} needs {need.words}, found {need.found(offer)}; {need.advice}"
