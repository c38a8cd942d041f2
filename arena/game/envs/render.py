"""Boards: an episode as a short table or a small picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
"""(H, W, 3)."""

RENDERING = {"render_modes": ["ansi", "rgb_array"], "render_fps": 1}
"""What Gymnasium and PettingZoo are told of a board."""

_INCHES = (4.8, 3.2)
_DOTS = 100  # per inch: 480 x 320 pixels
_HEAD = ("round", "who", "move", "strength", "utility", "pay-off", "status")


@dataclass(frozen=True)
class Turn:
    """One line: who did what and what came of it. `left` holds shares of budgets."""

    who: str
    move: str
    strength: float | None
    status: str
    utility: float
    payoff: float
    left: Mapping[str, float] = field(default_factory=dict)

    def cells(self, number: int) -> tuple[str, ...]:
        """Return the line as texts."""
        strength = "-" if self.strength is None else f"{self.strength:.2f}"
        figures = (strength, f"{self.utility:.3f}", f"{self.payoff:.3f}")
        return (str(number), self.who, self.move, *figures, self.status)


@dataclass
class Episode:
    """The turns of an episode under a title."""

    title: str = ""
    turns: list[Turn] = field(default_factory=list)

    def text(self) -> str:
        """Return the episode as a table."""
        lines = [_HEAD, *(turn.cells(i) for i, turn in enumerate(self.turns, start=1))]
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
        rows = (
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return "\n".join((self.title, *rows))

    def picture(self) -> Frame:
        """Return pay-off, utility and what is left of the budgets over the turns, (320, 480, 3)."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes a second
        from matplotlib.figure import Figure

        figure = Figure(_INCHES, _DOTS, layout="constrained")
        canvas, axes = FigureCanvasAgg(figure), figure.subplots()
        for name, (turns, values) in self._series().items():
            axes.plot(turns, values, marker="o", label=name)
        axes.set(title=self.title, xlabel="round", ylim=(-0.05, 1.05))
        axes.set_xlim(0.5, max(2, len(self.turns)) + 0.5)
        if self.turns:
            axes.legend(loc="best", fontsize="small")
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        pixels: Frame = np.asarray(drawn)[..., :3].copy()  # (320, 480, 3)
        return pixels

    def _series(self) -> dict[str, tuple[list[int], list[float]]]:
        """Return each curve's turns and values; a budget that is untouched is not drawn."""
        curves: dict[str, tuple[list[int], list[float]]] = {}
        for i, turn in enumerate(self.turns, start=1):
            values = {"pay-off": turn.payoff, "utility": turn.utility}
            values |= {f"{name} left": share for name, share in turn.left.items() if share < 1}
            for name, value in values.items():
                turns, points = curves.setdefault(name, ([], []))
                turns.append(i)
                points.append(value)
        return curves

    def render(self, mode: str | None) -> str | Frame | None:
        """Return what `mode` asks for: "ansi" the table, "rgb_array" the picture, None nothing."""
        if mode is None:
            return None
        return self.text() if mode == "ansi" else self.picture()
