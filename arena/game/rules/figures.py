"""Figures: what is known of a number that is recorded, said once, where the number is defined.

A table of figures is a frozen dataclass: each field is a figure, its annotation the type, its
metadata what it means and how it is read from the objects of a match. Ledger columns, TensorBoard
tags, printed tables and exports are all generated from it, so a new figure is one new field.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

Better = Literal["high", "low", ""]
Of = Literal["match", "protection", "round", "innocent", "owner", "player"]
Bounds = tuple[float | None, float | None]
SHARE: Bounds = (0.0, 1.0)
COUNT: Bounds = (0.0, None)
FREE: Bounds = (None, None)
LEAST_P = 1e-300  # what a p-value that underflowed is drawn as


@dataclass(frozen=True)
class Figure:
    """What is known of one figure.

    Attributes:
        says: what it is, in words; the head of its column in printed tables.
        unit: of its values: "", "s", "images", "bits", ...
        bounds: least and greatest value, None where there is none.
        better: whether "high" or "low" values are good for the owner; "" for neither.
        of: what it belongs to.
        tag: its TensorBoard tag, `role/metric`; "" where it is not drawn.
        log: whether it is drawn by its logarithm of base 10.
        final: whether it is among the figures by which TensorBoard compares whole matches.
        curve: whether its course over the rounds is drawn in the picture of a match.
        form: how it is printed.
        lasts: whether it is the same in every run of the same scenario on the same machine.
    """

    says: str = ""
    unit: str = ""
    bounds: Bounds = FREE
    better: Better = ""
    of: Of = "round"
    tag: str = ""
    log: bool = False
    final: bool = False
    curve: bool = False
    form: str = ".3f"
    lasts: bool = True

    def text(self, value: float | None) -> str:
        """Return a value as it is printed, or a dash where there is none.

        >>> Figure(unit="s", form=".1f").text(2.25), Figure().text(None)
        ('2.2 s', '-')
        """
        if value is None or math.isnan(value):
            return "-"
        return f"{value:{self.form}} {self.unit}" if self.unit else f"{value:{self.form}}"

    def drawn(self, value: float) -> float:
        """Return a value as it is drawn.

        >>> Figure(log=True).drawn(0.001)
        -3.0
        """
        return math.log10(max(value, LEAST_P)) if self.log else float(value)


Read = Callable[[Any], object]
T = TypeVar("T")


def column(read: Read, figure: Figure | None = None, default: object = None) -> Any:
    """Return a field of a table of figures.

    Args:
        read: returns the value from what a row is made of.
        figure: what is known of it; None for what is no figure: a name, a reason.
        default: the value of a row that is made without it.
    """
    metadata = {"read": read, "figure": figure or Figure()}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def figures(table: type) -> Mapping[str, Figure]:
    """Return the figures of a table by name, in its order."""
    known = {f.name: f.metadata["figure"] for f in dataclasses.fields(table) if f.metadata}
    return MappingProxyType(known)


def row_of(table: type[T], source: object) -> T:
    """Return the row of a table that is read from a source."""
    fields = dataclasses.fields(table)  # type: ignore[arg-type]
    return table(**{field.name: field.metadata["read"](source) for field in fields})


def values(row: object) -> dict[str, Any]:
    """Return the values of a row by name, in the table's order."""
    return {name: getattr(row, name) for name in figures(type(row))}
