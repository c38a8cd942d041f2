"""Linear decoders: schemes whose bits are the signs of a projection that the key is free to choose.

Their published verification is all that a forger needs, so a scheme says here what it projects.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Projection:
    """What a key projects in a suspect: the signs of rows @ features.T are its bits.

    Attributes:
        rows: (N, M) of the key, chosen by whoever made it.
        features: (S, M) of the suspect: each row of the key reads all of them.
        bits: (N, S) that the key wants to read, 0 or 1.
    """

    rows: Tensor
    features: Tensor
    bits: Tensor

    @property
    def scores(self) -> Tensor:
        """Return rows @ features.T (N, S), in float64."""
        return self.rows.double() @ self.features.double().T

    @property
    def signs(self) -> Tensor:
        """Return the wanted signs (N, S), -1 or 1, in float64."""
        return self.bits.double() * 2 - 1

    @property
    def errors(self) -> Tensor:
        """Return which bits (N, S) are read wrongly."""
        return (self.scores >= 0) != self.bits.bool()
