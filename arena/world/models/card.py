"""The card of a model: all that is needed, besides its tensors, to build it again."""

from __future__ import annotations

import math
import textwrap

from pydantic import Field, ValidationError, field_validator, model_validator

from arena.errors import ModelError, RegistryError
from arena.world.json_values import Frozen, Json, Raw, canonical, from_json
from arena.world.kinds.registry import find

_MAX_INPUT = 2**26  # numbers in one input
_MAX_AXES = 8
_MAX_SHOWN = 60  # letters of an argument in a title
_OF_SOME_KINDS = ("n_classes", "output_shape", "mean", "std", "vocabulary", "tokenizer", "words")


def _shortened(text: str) -> str:
    return textwrap.shorten(text, _MAX_SHOWN, placeholder=" ...", break_on_hyphens=False).strip()


class ModelCard(Frozen):
    """Architecture, its arguments, and the form of what goes into a model and comes out of it.

    Attributes:
        kind: what the model does; it says which of the other fields there are.
        architecture: name in the registry, or `torchvision:<name>`.
        arguments: keyword arguments of the architecture.
        input_shape: (C, H, W) of an image, (D,) of a row of a table or a latent, (T,) of a text of
            at most T tokens.
        n_classes: number of logits of a classifier, at least 2.
        output_shape: of what a generator makes of one latent; of a captioner's longest caption.
        mean: subtracted from the input: one value, or one for each channel (image) or column.
        std: divides the input afterwards; as many values as `mean`.
        vocabulary: number of tokens that a model of language tells apart.
        tokenizer: of a model of language whose tokens are no bytes, see `kinds.tokens.packed`.
        words: that a captioner knows; the first is empty and ends a caption.
        resized: layers may differ in width or kernel size from the architecture's.

    Raises:
        ModelError: a value is out of its range, or the kind is unknown.
    """

    kind: str = "classifier"
    architecture: str
    arguments: dict[str, Raw] = Field(default_factory=dict)
    input_shape: tuple[int, ...]
    n_classes: int = 0
    output_shape: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    vocabulary: int = 0
    tokenizer: str = ""
    words: tuple[str, ...] = ()
    resized: bool = False

    def plain(self) -> dict[str, Json]:
        """Return the fields as JSON values, without those that this kind of model has not."""
        fields = super().plain()
        return {key: v for key, v in fields.items() if v or key not in _OF_SOME_KINDS}

    @property
    def title(self) -> str:
        """The architecture and its arguments, long ones cut: `lenet5(norm='batch')`."""
        listed = ", ".join(
            f"{key}={_shortened(repr(value))}" for key, value in self.arguments.items()
        )
        return f"{self.architecture}({listed})" if listed else self.architecture

    @classmethod
    def read(cls, value: Json) -> ModelCard:
        """Return the card that plain data describes.

        Raises:
            ModelError: the data are not those of a card; says which fields are wrong.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'card'}: {fault['msg']}"
                for fault in error.errors()
            )
            raise ModelError(f"the model's card is not valid: {wrong}") from error

    @field_validator("arguments")
    @classmethod
    def _as_json(cls, arguments: dict[str, Json]) -> dict[str, Json]:
        """Write tuples as lists, so that a card that travelled equals the one that was sent."""
        try:
            plain: dict[str, Json] = from_json(canonical(arguments))
        except (TypeError, ValueError, RecursionError) as error:
            raise ModelError(
                f"a model's arguments are plain JSON values, found {arguments!r} ({error})"
            ) from error
        return plain

    @model_validator(mode="after")
    def _check(self) -> ModelCard:
        problems = self._problems()
        if problems:
            raise ModelError(f"the card of {self.architecture} is not valid: {'; '.join(problems)}")
        return self

    def _problems(self) -> list[str]:
        shape = self.input_shape
        if not 1 <= len(shape) <= _MAX_AXES or min(shape) < 1 or math.prod(shape) > _MAX_INPUT:
            limits = f"1 to {_MAX_AXES} sizes from 1 up, with a product of at most {_MAX_INPUT:,}"
            return [f"input_shape holds {limits}, found {shape}"]
        try:
            return find(self.kind).problems(self)
        except RegistryError as error:
            return [str(error)]
