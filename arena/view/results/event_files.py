"""TensorBoard event files: a match with tags `role/metric` and step = round, and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import figures, values
from arena.view.figures.plots import pixels

_LAYOUT = {
    "every match": {
        "utility and kept share": ["Multiline", [r"thief/(utility|kept)"]],
        "rescaled statistic (threshold 0.5)": ["Multiline", [r"owner/rescaled"]],
        "pay-off": ["Multiline", [r"score/.*_payoff"]],
    }
}


def scalars(row: RoundRow) -> dict[str, float]:
    """Return the tags of a round and their values; what the ledger does not know is left out."""
    known = values(row)
    return {
        figure.tag: figure.drawn(known[name])
        for name, figure in figures(RoundRow).items()
        if figure.tag and known[name] is not None
    }


def write_match(folder: Path, rows: Sequence[RoundRow]) -> None:
    """Write the event files of a match: its rounds, and its line in the table of runs."""
    with SummaryWriter(str(folder)) as writer:
        for row in rows:
            for tag, value in scalars(row).items():
                writer.add_scalar(tag, value, row.round)
            writer.add_text("owner/reason", row.reason or row.message, row.round)
        hparams, metrics = _hparams(rows)
        # Without a run name TensorBoard would show a child run with a time stamp beside the match.
        writer.add_hparams(hparams, metrics, run_name=".")


def _hparams(rows: Sequence[RoundRow]) -> tuple[dict[str, str | float], dict[str, float]]:
    """Return what defines a match and how it ended."""
    last = values(rows[-1])
    names = ("owner", "scheme", "thief", "repeat", "seed", "status")
    hparams = {name: last[name] for name in names} | {"moves": ", ".join(row.move for row in rows)}
    metrics = {
        f"final/{name}": float(last[name])
        for name, figure in figures(RoundRow).items()
        if figure.final and last[name] is not None
    }
    return hparams, metrics


def write_summary(folder: Path, pictures: Mapping[str, bytes], texts: Mapping[str, str]) -> None:
    """Write the summary of a tournament: PNGs, Markdown texts, and how matches are overlaid."""
    with SummaryWriter(str(folder)) as writer:
        writer.add_custom_scalars(_LAYOUT)
        for tag, text in texts.items():
            writer.add_text(f"summary/{tag}", text, 0)
        for tag, png in pictures.items():
            writer.add_image(f"summary/{tag}", pixels(png), 0, dataformats="HWC")
