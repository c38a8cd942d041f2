"""TensorBoard event files: a match with tags `role/metric` and step = round, and the summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from arena.game.rules.threat import METERS
from arena.runs.ledger import Row
from arena.view.figures.plots import pixels

_LEAST_P = 1e-300  # what a p-value that underflowed is drawn as
_TAGS = {  # tag: column of the ledger
    "thief/utility": "utility",
    "thief/kept": "kept",
    "thief/agreement": "agreement",
    "thief/own_utility": "own_utility",
    "owner/statistic": "statistic",
    "owner/threshold": "threshold",
    "owner/rescaled": "rescaled",
    "owner/caught": "caught",
    "score/thief_payoff": "payoff",
    "score/owner_payoff": "owner_payoff",
    "score/removed": "removed",
    "cost/multiple_of_training": "cost",
    "cost/fidelity_loss": "fidelity_loss",
    "cost/move_s": "move_s",
    "cost/judge_s": "judge_s",
    "cost/protect_s": "protect_s",
    **{f"meters/{meter}": meter for meter in METERS},
}
_FINAL = ("utility", "kept", "rescaled", "payoff", "owner_payoff", "cost")
_LAYOUT = {
    "every match": {
        "utility and kept share": ["Multiline", [r"thief/(utility|kept)"]],
        "rescaled statistic (threshold 0.5)": ["Multiline", [r"owner/rescaled"]],
        "pay-off": ["Multiline", [r"score/.*_payoff"]],
    }
}


def scalars(row: Row) -> dict[str, float]:
    """Return the tags of a round and their values; what the ledger does not know is left out."""
    found = {tag: float(row[name]) for tag, name in _TAGS.items() if row[name] is not None}
    if row["p_value"] is not None:
        found["owner/log10_p_value"] = math.log10(max(row["p_value"], _LEAST_P))
    return found


def write_match(folder: Path, rows: Sequence[Row]) -> None:
    """Write the event files of a match: its rounds, and its line in the table of runs."""
    with SummaryWriter(str(folder)) as writer:
        for row in rows:
            for tag, value in scalars(row).items():
                writer.add_scalar(tag, value, row["round"])
            writer.add_text("owner/reason", row["reason"] or row["message"], row["round"])
        hparams, metrics = _hparams(rows)
        # Without a run name TensorBoard would show a child run with a time stamp beside the match.
        writer.add_hparams(hparams, metrics, run_name=".")


def _hparams(rows: Sequence[Row]) -> tuple[dict[str, str | float], dict[str, float]]:
    """Return what defines a match and how it ended."""
    last = rows[-1]
    names = ("owner", "scheme", "thief", "repeat", "seed", "status")
    hparams = {name: last[name] for name in names} | {
        "moves": ", ".join(row["move"] for row in rows)
    }
    metrics = {f"final/{name}": float(last[name]) for name in _FINAL if last[name] is not None}
    return hparams, metrics


def write_summary(folder: Path, pictures: Mapping[str, bytes], texts: Mapping[str, str]) -> None:
    """Write the summary of a tournament: PNGs, Markdown texts, and how matches are overlaid."""
    with SummaryWriter(str(folder)) as writer:
        writer.add_custom_scalars(_LAYOUT)
        for tag, text in texts.items():
            writer.add_text(f"summary/{tag}", text, 0)
        for tag, png in pictures.items():
            writer.add_image(f"summary/{tag}", pixels(png), 0, dataformats="HWC")
