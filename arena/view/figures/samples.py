"""Grids of pictures: what the models of a match make."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

_INCH = 0.6  # of the side of a picture
_NAME = 1.9  # inches for what a row is called


def samples_grid(title: str, rows: Mapping[str, Tensor]) -> Figure:
    """Return a grid with a row of pictures for each maker.

    Args:
        title: of the match.
        rows: pictures (N, C, H, W), uint8, by who made them; C is 1 or 3.
    """
    n_columns = max(len(pictures) for pictures in rows.values())
    size = (_NAME + n_columns * _INCH, 0.5 + len(rows) * _INCH)
    figure = Figure(figsize=size)
    figure.suptitle(title, fontsize=9)
    left, top = _NAME / size[0], 1 - 0.5 / size[1]
    grid = figure.subplots(
        len(rows), n_columns, squeeze=False,
        gridspec_kw={"left": left, "right": 0.995, "top": top, "bottom": 0.01,
                     "wspace": 0.08, "hspace": 0.08},
    )  # fmt: skip
    for axes, (name, pictures) in zip(grid, rows.items(), strict=True):
        for ax in axes:
            ax.set_axis_off()
        for ax, picture in zip(axes, pictures, strict=False):
            coloured = picture.expand(3, *picture.shape[1:])  # grey ones in all three channels
            ax.imshow(coloured.permute(1, 2, 0).numpy())
        axes[0].set_title(name, fontsize=8, x=-0.15, y=0.35, loc="right")
    return figure
