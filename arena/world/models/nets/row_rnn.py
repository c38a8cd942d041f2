"""A recurrent classifier that reads an image row by row."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.models.nets.blocks import image_shape, initialise
from arena.world.models.nets.recurrence import HiddenUnits
from arena.world.models.registry import architecture

Cell = Literal["lstm", "gru"]
_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Rows(nn.Module):
    """From images (B, C, H, W) to sequences (B, H, C * W), a row at each step."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the rows from the top."""
        return images.transpose(1, 2).flatten(2)


class RowNetwork(nn.Module):
    """From images (B, C, H, W) to logits (B, n_classes), by the last hidden state."""

    hidden_units = HiddenUnits(rnn="rnn", writers=(), shown="hidden", readers=("fc",))

    def __init__(self, width: int, n_classes: int, hidden: int, cell: Cell) -> None:
        super().__init__()
        self.rows = Rows()
        self.rnn = _CELLS[cell](width, hidden, batch_first=True)
        self.hidden, self.fc = nn.Identity(), nn.Linear(hidden, n_classes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, n_classes)."""
        states, _ = self.rnn(self.rows(images))
        logits: Tensor = self.fc(self.hidden(states[:, -1]))
        return logits


@architecture("row-rnn")
def row_rnn(
    shape: tuple[int, ...], n_classes: int, *, hidden: int = 64, cell: str = "lstm"
) -> nn.Module:
    """Recurrent classifier that reads an image row by row: an LSTM or GRU and a linear layer.

    Source: the sequential images of Le, Jaitly and Hinton 2015, by rows.

    Args:
        shape: (C, H, W) of an image.
        n_classes: number of logits.
        hidden: units.
        cell: "lstm" or "gru".

    Raises:
        ModelError: the shape, the units or the cell is not one of these.
    """
    channels, _, breadth = image_shape("row-rnn", shape)
    if hidden < 1 or cell not in _CELLS:
        raise ModelError(
            f"row-rnn takes hidden units from 1 up and a cell of {', '.join(_CELLS)}, found "
            f"{hidden=}, {cell=}"
        )
    kind: Cell = "gru" if cell == "gru" else "lstm"
    return RowNetwork(channels * breadth, n_classes, hidden, kind)
