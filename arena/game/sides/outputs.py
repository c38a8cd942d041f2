"""What models made, without the models: texts or images that somebody is accused for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from arena.errors import InvalidDeliverable
from arena.world.bundle import Bundle

MOST_ITEMS = 10_000
MOST_CHARACTERS = 10_000_000
MOST_BYTES = 256 << 20  # of images


@dataclass(frozen=True, eq=False)
class Outputs:
    """Texts or images, at least one, of one kind.

    Attributes:
        texts: as they were published.
        images: (N, C, H, W), uint8 or floats in [0, 1].
    """

    texts: tuple[str, ...] = ()
    images: Tensor | None = None

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.texts) + (0 if self.images is None else len(self.images))

    def check(self, shape: tuple[int, ...] | None = None) -> None:
        """Refuse what is empty, of both kinds, or too much to be judged.

        Args:
            shape: (C, H, W) that images must have; None for any.

        Raises:
            InvalidDeliverable: with what was expected and what was found.
        """
        if not self.n or (self.texts and self.images is not None):
            raise InvalidDeliverable(
                "expected texts or images as outputs, found "
                + ("both" if self.n else "none")
                + "; deliver one kind"
            )
        n_characters = sum(map(len, self.texts))
        n_bytes = 0 if self.images is None else self.images.numel() * self.images.element_size()
        if self.n > MOST_ITEMS or n_characters > MOST_CHARACTERS or n_bytes > MOST_BYTES:
            raise InvalidDeliverable(
                f"expected at most {MOST_ITEMS:,} outputs, {MOST_CHARACTERS:,} characters and "
                f"{MOST_BYTES >> 20} MiB of images, found {self.n:,}, {n_characters:,} and "
                f"{n_bytes >> 20} MiB; deliver a sample"
            )
        if self.images is not None and not bool(self.images.isfinite().all()):
            raise InvalidDeliverable("expected finite images, found NaN or infinity")
        if shape and self.images is not None and tuple(self.images.shape[1:]) != shape:
            raise InvalidDeliverable(
                f"expected images of (N, {', '.join(map(str, shape))}), found "
                f"{tuple(self.images.shape)}"
            )

    def bundle(self) -> Bundle:
        """Return the outputs as plain data and tensors."""
        return Bundle(
            {"texts": list(self.texts)}, {} if self.images is None else {"images": self.images}
        )

    @classmethod
    def of(cls, bundle: Bundle) -> Outputs:
        """Read outputs back."""
        return cls(tuple(bundle.data["texts"]), bundle.tensors.get("images"))
