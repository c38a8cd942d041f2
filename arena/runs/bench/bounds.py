"""What numbers of a result may be: a file that a person hands over is believed no further."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

_MOST = 2**53  # up to here every whole number is a float

Count: TypeAlias = Annotated[int, Field(ge=0, le=_MOST)]
Rate: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount: TypeAlias = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
"""Seconds, questions, a price: anything that is spent."""
Difference: TypeAlias = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
"""Between two rates."""
