"""TensorBoard event files: a run for each owner, thieves as tags, step = round; and the summary.

A tag is `role/metric/thief`: so each chart shows one thief, with a line for each owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import figures, values
from arena.view.figures.plots import pixels
from arena.view.progress.stamps import safe_name
from arena.world.json_values import canonical

_FIRST = "arena"  # a group of tags that sorts before all roles: TensorBoard opens the first two
_LAYOUT = {
    "every thief": {
        "pay-off": ["Multiline", [r"score/thief_payoff/"]],
        "gain": ["Multiline", [r"thief/gain/"]],
        "utility": ["Multiline", [r"thief/utility/"]],
        "rescaled statistic (threshold 0.5)": ["Multiline", [r"owner/rescaled/"]],
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


def mean_scalars(rows: Iterable[RoundRow]) -> dict[str, float]:
    """Return the tags of a round and their means over the repeats that know them."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for tag, value in scalars(row).items():
            found[tag].append(value)
    return {tag: sum(known) / len(known) for tag, known in found.items()}


def write_owner(folder: Path, matches: Sequence[Sequence[RoundRow]]) -> None:
    """Write the event files of an owner: rounds against each thief, training, a line in hparams.

    Args:
        folder: where.
        matches: the rounds of each of its matches, one at least.
    """
    together: dict[tuple[str, int], list[RoundRow]] = defaultdict(list)
    for row in (row for rows in matches for row in rows):
        together[row.thief, row.round].append(row)
    with SummaryWriter(str(folder)) as writer:
        for (thief, number), repeats in together.items():
            name = safe_name(thief)
            for tag, value in mean_scalars(repeats).items():
                writer.add_scalar(f"{tag}/{name}", value, number)
            said = "\n\n".join(row.reason or row.message for row in repeats)
            writer.add_text(f"owner/reason/{name}", said, number)
        for epoch, loss in _learnt(matches):
            writer.add_scalar(f"{_FIRST}/training_loss", loss, epoch)
        # Without a run name TensorBoard would show a child run with a time stamp beside the owner.
        writer.add_hparams(*_hparams(matches), run_name=".")


def _learnt(matches: Sequence[Sequence[RoundRow]]) -> Iterator[tuple[int, float]]:
    """Yield each epoch and the mean loss of the owner's victims in it, a victim for each repeat."""
    victims = {
        rows[0].repeat: rows[0].training_losses for rows in matches if rows[0].training_losses
    }
    for epoch in range(max(map(len, victims.values()), default=0)):
        known = [losses[epoch] for losses in victims.values() if epoch < len(losses)]
        yield epoch, sum(known) / len(known)


def _hparams(
    matches: Sequence[Sequence[RoundRow]],
) -> tuple[dict[str, str | float], dict[str, float]]:
    """Return what defines an owner, and the means over its matches of how they ended."""
    finals = [rows[-1] for rows in matches]
    first = finals[0]
    hparams: dict[str, str | float] = {
        "owner": first.owner,
        "scheme": first.scheme,
        "settings": canonical(first.settings.get("settings", {})),
        "matches": len(finals),
    }
    metrics = {
        f"final/{figure.tag.partition('/')[2]}": sum(known) / len(known)
        for name, figure in figures(RoundRow).items()
        if figure.final
        and (known := [value for row in finals if (value := getattr(row, name)) is not None])
    }
    return hparams, metrics


def write_summary(folder: Path, pictures: Mapping[str, bytes], texts: Mapping[str, str]) -> None:
    """Write the summary of a tournament: PNGs, Markdown texts, and how thieves are overlaid.

    Pictures of the whole tournament come first; those of a player, `kind/player`, lie in groups.
    """
    with SummaryWriter(str(folder)) as writer:
        writer.add_custom_scalars(_LAYOUT)
        for tag, text in texts.items():
            writer.add_text(f"{_FIRST}/{tag}", text, 0)
        for tag, png in pictures.items():
            name = tag if "/" in tag else f"{_FIRST}/{tag}"
            writer.add_image(name, pixels(png), 0, dataformats="HWC")
