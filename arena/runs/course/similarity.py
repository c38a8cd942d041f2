"""Which submissions are almost the same text. A note for a person to read; it decides nothing.

Comments, layout and the names that a student chose do not count: a text is its tokens with every
name made the same. Runs of tokens that the hand-out holds are left out, so that what all were given
makes nobody similar.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

_RUN = 12  # tokens
ALIKE = 0.7  # share of runs in common from which a pair is noted
_SKIPPED = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


@dataclass(frozen=True)
class Likeness:
    """Two submissions whose texts are alike; 1.0 is the same up to layout and names."""

    first: str
    second: str
    share: float


def tokens(source: str) -> list[str]:
    """Return the tokens of a text that matter; its words where it is no Python.

    >>> tokens("total = 1  # a sum") == tokens("x=1")
    True
    """
    try:
        found = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source.split()
    return [_word(token) for token in found if token.type not in _SKIPPED]


def _word(token: tokenize.TokenInfo) -> str:
    plain = token.type != tokenize.NAME or keyword.iskeyword(token.string)
    return token.string if plain else "name"


def runs(source: str) -> set[tuple[str, ...]]:
    """Return every run of tokens of a text; of a short one, all of it."""
    found = tokens(source)
    n_runs = max(1, len(found) - _RUN + 1)
    return {tuple(found[start : start + _RUN]) for start in range(n_runs)}


def alike(sources: Mapping[str, str], handed_out: str = "") -> list[Likeness]:
    """Return the pairs of texts that are alike, the most alike first.

    Args:
        sources: the texts by the name of the submission.
        handed_out: what all were given.
    """
    common = runs(handed_out) if handed_out else set()
    own = {name: runs(source) - common for name, source in sources.items() if source.strip()}
    pairs = []
    for first, second in combinations(sorted(own), 2):
        either = own[first] | own[second]
        share = len(own[first] & own[second]) / len(either) if either else 0.0
        if share >= ALIKE:
            pairs.append(Likeness(first, second, share))
    return sorted(pairs, key=lambda pair: (-pair.share, pair.first, pair.second))
