"""What numbers of a result may be: a file that a person hands over is believed no further."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from arena.world.bounds import COUNT

Count: TypeAlias = Annotated[int, Field(ge=0, le=COUNT)]
Rate: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount: TypeAlias = Annotated[float, Field(ge=0, le=COUNT, allow_inf_nan=False)]
"""Seconds, questions, a price: anything that is spent."""
Difference: TypeAlias = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
"""Between two rates."""
