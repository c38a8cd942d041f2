"""What a model that brings its own preparation of images is fed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from arena.world.models.card import ModelCard
from arena.world.models.loaders.registry import ModelFile
from arena.world.models.loaders.words import constants_in_words, with_constants


def own_card(file: ModelFile, form: ModelCard) -> ModelCard:
    """Return the form of data with no normalisation, unless words name one.

    Raises:
        ModelError: the words hold more than constants.
    """
    card = with_constants(form, {"mean": 0.0, "std": 1.0})
    return constants_in_words(file.architecture, card) if file.architecture else card


def own_input(file: ModelFile, form: ModelCard) -> Callable[[Tensor], Tensor]:
    """Return what is done to images in [0, 1] first: nothing, or `(x - mean) / std` in words."""
    card = own_card(file, form)
    ones = [1] * (len(card.input_shape) - 1)
    mean, std = (torch.tensor(values).view(-1, *ones) for values in (card.mean, card.std))
    return lambda images: (images - mean) / std
