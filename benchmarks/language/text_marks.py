"""What marks in texts are worth: `python -m benchmarks.language.text_marks PART --out FILE`.

Parts, each of which writes rows of JSON to FILE and goes on where it stopped:

- `human`: false positives. Every mark, under each of `--keys` keys, on `--texts` texts of
  `--length` characters that people wrote (tinyshakespeare, ARENA_DATA), and on repetitive ones: a
  licence, code and a list.
- `once`: alarms of z > 4 for one and for four tokens of context, with and without the rule that
  counts a pair once.
- `written`: what a GPT of `benchmarks.language.train_gpt --save` (`--model`) writes with each mark,
  laundered in each way: the share that is recognised at p <= 1e-3 with its interval, the characters
  until p <= 1e-6, the bits a character under the referee's n-grams, and chrF against what was
  written (needs `sacrebleu`). With `--writer`, another such model, they are paraphrased as well.

`report` prints the tables of FILE.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import scipy
import torch
from torch import Tensor

import arena
from arena.game.rules.keys import Key
from arena.game.serving.service import Service
from arena.game.sides.lab import Lab
from arena.world.data import load
from arena.world.kinds.kind import Steer
from arena.world.kinds.tokens import BYTES
from arena.world.models import Model, load_model
from arena.world.rng import Rng
from attackers.launder.dilute import pasted
from attackers.launder.disguise import Homoglyphs, LowerCase
from attackers.launder.edits import Delete, Insert, Scramble, Substitute
from attackers.launder.paraphrase import paraphrased
from attackers.launder.texts import Changer, PassOn
from benchmarks.common import heading, say
from benchmarks.language.bulk import p_values
from benchmarks.language.ngrams import NGrams
from benchmarks.language.rows import Row, carry_on, read_rows
from defenders.language.gumbel import Gumbel
from defenders.language.kgw import KGW, SBW
from defenders.language.marks import TextMark, read
from defenders.language.unigram import Unigram

MARKS: dict[str, TextMark] = {
    "kgw": KGW(),
    "kgw-lefthash": KGW(seeding="lefthash"),
    "kgw-minhash": KGW(seeding="minhash"),
    "kgw-selfhash": KGW(seeding="selfhash"),
    "kgw-hard": KGW(hard=True),
    "unigram": Unigram(),
    "sbw": SBW(),
    "gumbel": Gumbel(),
}
LEVELS = (0.01, 1e-3, 1e-4)
Launder = Callable[[str, str, np.random.Generator], str]
"""(text, text of the thief's own, draws) -> what is passed on."""


def _changer(changer: Changer) -> Launder:
    return lambda text, own, draw: changer.changed(text, draw)


def _pasting(spans: int, share: float) -> Launder:
    return lambda text, own, draw: pasted(text, own, spans, share, draw)


LAUNDERERS: dict[str, Launder] = {
    "pass-on": _changer(PassOn()),
    "substitute-5": _changer(Substitute(share=0.05)),
    "substitute-10": _changer(Substitute(share=0.1)),
    "substitute-20": _changer(Substitute(share=0.2)),
    "delete-10": _changer(Delete(share=0.1)),
    "insert-10": _changer(Insert(share=0.1)),
    "scramble-4": _changer(Scramble(window=4)),
    "homoglyphs-50": _changer(Homoglyphs(share=0.5)),
    "lower-case": _changer(LowerCase()),
    "copy-paste-3x25": _pasting(3, 0.25),
    "copy-paste-1x25": _pasting(1, 0.25),
    "copy-paste-3x10": _pasting(3, 0.1),
}


def paraphrasing(writer: Path, share: float) -> Launder:
    """Return the launderer that lets a model of the thief's own fill in a share of the places."""
    model = load_model(writer)

    def launder(text: str, own: str, draw: np.random.Generator) -> str:
        rng = Rng(int(draw.integers(1 << 31)))
        return BYTES.decode(paraphrased(Lab(), model, BYTES.encode(text)[None], share, rng)[0])

    return launder


def key(mark: TextMark, number: int) -> Key:
    """Return a key by its number."""
    return mark.key_of(f"{number:064x}", 256)


def p_value(mark: TextMark, number: int, texts: Sequence[Tensor]) -> tuple[float, float]:
    """Return (p, number scored) of folded texts under a key."""
    found = mark.judged(key(mark, number), texts)
    return found.p_value, float(found.figures["scored"])


def human_texts(n: int, length: int) -> dict[str, list[str]]:
    """Return texts that people wrote: n pieces of tinyshakespeare, and three that repeat."""
    source = load("tinyshakespeare")
    whole = "".join(
        BYTES.decode(row) for part in (source.train, source.test) for row in part.images
    )
    starts = np.linspace(0, len(whole) - length, n).astype(int)
    licence = (arena.ROOT / "LICENSE").read_text()
    code = (arena.ROOT / "arena" / "front.py").read_text()
    listed = "\n".join(f"- item {i}: see item {i + 1}" for i in range(400))
    repetitive = {"licence": licence, "code": code, "list": listed}
    pieces = {name: [text[:length]] for name, text in repetitive.items()}
    return {"human": [whole[s : s + length] for s in starts], **pieces}


def human(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Judge every text under every key."""
    for kind, texts in human_texts(options.texts, options.length).items():
        tokens = torch.stack(read(texts))
        for name in options.marks:
            mark = MARKS[name]
            for number in range(options.keys):
                cell = f"human/{kind}/{name}/{number}"
                if cell in done or name == "kgw-hard":  # judged as kgw
                    continue
                found, scored = p_values(mark, number, tokens)
                alarms = {f"p<={at:g}": int((found <= at).sum()) for at in LEVELS}
                row: Row = {"cell": cell, "n": len(texts), "scored": float(scored.mean())}
                yield {**row, "least": float(found.min()), **alarms}


def once(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Count alarms of z > 4 under random keys with and without the once-only rule."""
    texts = read(human_texts(20, 1000)["human"])
    for width in (1, 4):
        mark = KGW(seeding="lefthash") if width == 1 else KGW()
        for rule in (False, True):
            cell = f"once/h={width}/{'once' if rule else 'every'}"
            if cell in done:
                continue
            alarms, scored, n = 0, 0.0, 0
            for number in range(options.keys):
                colours = mark.wrapper(f"{number}").colouring
                for text in texts:
                    places = colours.scored([text], once=rule)
                    chance = colours.chance
                    mean, spread = places.n * chance, (places.n * chance * (1 - chance)) ** 0.5
                    alarms += colours.hits(places) > mean + 4 * spread
                    scored, n = scored + places.n, n + 1
            yield {"cell": cell, "n": n, "alarms": alarms, "scored": scored / n}


def service_of(model: Model, mark: TextMark, number: int) -> Service:
    """Return the interface of the model behind a mark, for one client."""
    wrapper = mark.wrapper(f"{number:064x}")
    return Service(lambda inputs: inputs, (wrapper,), Rng(number).child("client"))


def written(options: argparse.Namespace, done: set[str]) -> Iterator[Row]:
    """Let the model write, launder, and judge."""
    model = load_model(options.model)
    source = load(options.data)
    prompts = source.test.images[: options.texts, :64].long()
    rows = source.train.images
    half = len(rows) // 2  # the referee's texts are not those that a thief pastes in
    own = "".join(BYTES.decode(row) for row in rows[:half])
    referee = NGrams("".join(BYTES.decode(row) for row in rows[half:]), 6)
    launderers = dict(LAUNDERERS)
    if options.writer:
        launderers["paraphrase-20"] = paraphrasing(options.writer, 0.2)

    def writer(asked: Tensor, steer: Steer, rng: Rng) -> Tensor:
        return model.kind.write(model, asked, options.length, steer, rng)

    for name in options.marks:
        mark = MARKS[name]
        cells = {each: f"written/{name}/{each}" for each in launderers}
        if set(cells.values()) <= done:
            continue
        made = model.kind.texts(service_of(model, mark, 1).write(prompts, writer), model.card)
        for each, launder in launderers.items():
            if cells[each] not in done:
                yield {"cell": cells[each], **_judged(mark, made, launder, own, referee)}


def _judged(
    mark: TextMark, made: Sequence[str], launder: Launder, own: str, referee: NGrams
) -> Row:
    draw = Rng(0).child("launder").numpy()
    n = max(map(len, made))
    passed = [launder(text, own[i * n : (i + 2) * n], draw) for i, text in enumerate(made)]
    found = [p_value(mark, 1, [text]) for text in read(passed)]
    caught = sum(p <= 1e-3 for p, _ in found)
    low, high = interval(caught, len(found))
    return {
        "n": len(found),
        "caught": caught,
        "low": low,
        "high": high,
        "median p": statistics.median(p for p, _ in found),
        "scored": statistics.mean(n for _, n in found),
        "until 1e-6": needed(mark, read(passed)) if passed == list(made) else None,
        "bits": statistics.mean(referee.bits(text) for text in passed),
        "chrF": likeness(passed, made),
    }


def needed(mark: TextMark, texts: Sequence[Tensor]) -> float | None:
    """Return the median number of characters until p <= 1e-6; None where half never get there."""
    lengths = []
    for text in texts:
        ends = range(20, len(text) + 1, 10)
        reached = (end for end in ends if p_value(mark, 1, [text[:end]])[0] <= 1e-6)
        lengths.append(float(next(reached, float("inf"))))
    middle = statistics.median(lengths)
    return middle if middle < float("inf") else None


def likeness(passed: Sequence[str], made: Sequence[str]) -> float | None:
    """Return chrF (0 to 100) of texts against what the model wrote; None without sacrebleu."""
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        return None
    return float(CHRF().corpus_score(list(passed), [list(made)]).score)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934)."""
    low = scipy.stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = scipy.stats.beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return float(low), float(high)


def _line(mark: str, launderer: str, row: Row) -> str:
    """Return what is printed of one mark and launderer."""
    low, high, n_bits = (float(row[name] or 0) for name in ("low", "high", "bits"))
    alike = "-" if row["chrF"] is None else f"{row['chrF']:.0f}"
    return (
        f"{mark:13} {launderer:16} TPR {row['caught']}/{row['n']} [{low:.2f}, {high:.2f}] "
        f"p {row['median p']:.1e} scored {float(row['scored'] or 0):.0f} "
        f"until 1e-6 {row['until 1e-6'] or '-'} bits {n_bits:.2f} chrF {alike}"
    )


def _alarms(cells: Sequence[Row], level: str, n: int) -> str:
    """Return the share of verdicts that are alarms at a level, with its interval.

    Verdicts under one key look at the same lists, so keys are the unit: the interval is Student's
    over the shares of keys, or the exact one over verdicts where that is wider.
    """
    shares = [float(row[level] or 0) / float(row["n"] or 1) for row in cells]
    low, high = interval(round(sum(shares) * n / len(cells)), n)
    mean = statistics.mean(shares)
    reach = float(scipy.stats.t.isf(0.025, len(cells) - 1)) if len(cells) > 1 else float("inf")
    reach *= statistics.pstdev(shares) / max(len(cells) - 1, 1) ** 0.5
    low, high = max(0.0, min(low, mean - reach)), max(high, mean + reach)
    return f"{level}: {mean:.1e} [{low:.1e}, {high:.1e}]"


def report(rows: Sequence[Row]) -> None:
    """Print the tables."""
    sums: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        part, first, *rest = str(row["cell"]).split("/")
        if part == "human":
            sums[first, rest[0]].append(row)
        elif part == "once":
            say(f"{first} {rest[0]:6} {row['alarms']} of {row['n']} with z > 4, "
                f"{float(row['scored'] or 0):.0f} scored")  # fmt: skip
        else:
            say(_line(first, rest[0], row))
    for (kind, mark), cells in sums.items():
        n = sum(int(row["n"] or 0) for row in cells)
        shares = ", ".join(_alarms(cells, f"p<={at:g}", n) for at in LEVELS)
        scored = statistics.mean(float(row["scored"] or 0) for row in cells)
        say(f"{kind:8} {mark:13} {len(cells)} keys, {n} verdicts, {scored:.0f} scored, {shares}")


def main() -> None:
    """Run a part, or print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=["human", "once", "written", "report"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--writer", type=Path, help="the thief's model, to paraphrase with")
    parser.add_argument("--data", default="tinyshakespeare", help="what the model learnt from")
    parser.add_argument("--marks", nargs="*", default=list(MARKS), choices=list(MARKS))
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--length", type=int, default=400)
    parser.add_argument("--keys", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.part == "report":
        heading("marks in texts", 1)
        report(read_rows(options.out))
        return
    parts = {"human": human, "once": once, "written": written}
    carry_on(options.out, partial(parts[options.part], options))


if __name__ == "__main__":
    main()
