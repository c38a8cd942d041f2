"""Every error a person can cause. A message says what was expected, what was found, what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArenaError(Exception):
    """Base class of all errors of the arena: shown as one sentence, never as a traceback."""


class DataError(ArenaError):
    """A data set is missing, damaged or not of the expected form."""


class ModelError(ArenaError):
    """A model file is refused: wrong format, wrong tensors, not finite, not known."""


class ScenarioError(ArenaError):
    """A scenario cannot be played; `problems` holds one sentence for each fault."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RegistryError(ArenaError):
    """A name is not registered, or is registered twice."""


class RuleViolation(ArenaError):  # noqa: N818 - the field's word: a violated rule, not a fault of ours
    """A player asked for something that its threat model does not grant."""


class BudgetExceeded(ArenaError):  # noqa: N818 - named so in the rules of the game
    """A meter has reached its budget; raised before anything is answered."""

    def __init__(self, meter: str, budget: float, asked: float) -> None:
        self.meter, self.budget, self.asked = meter, budget, asked
        super().__init__(
            f"the budget of {budget:g} {meter} is spent ({asked:g} more were asked for); "
            "ask for less or grant a larger budget in the scenario"
        )


class PlayerError(ArenaError):
    """A player raised, or returned something that is not what its interface promises."""


class PlayerTimeout(PlayerError):  # noqa: N818 - a status of the ledger
    """A player's process was ended because its time was over."""


class PlayerOutOfMemory(PlayerError):  # noqa: N818 - a status of the ledger
    """A player's process took more memory than it may."""


class InvalidDeliverable(ArenaError):  # noqa: N818 - a status of the ledger
    """What the thief delivered cannot be judged: not finite, wrong classes, wrong input."""


class NotComparable(ArenaError):  # noqa: N818 - not a fault: the verdict is "not verified"
    """A suspect lacks what a key reads (layer, shape, class count); becomes "not verified"."""


class ShowsLess(NotComparable, ModelError):  # noqa: N818 - what came of it, said as it is
    """The file or the interface of a suspect shows less of it than a judgement reads."""


class NoReference(NotComparable):
    """No independent model is like the suspect; becomes the outcome "no reference"."""


class MalformedKey(ArenaError):  # noqa: N818 - a claimed key is the claimant's word
    """A key is not of the form that its scheme's keys have."""


class NotTaken(ArenaError):  # noqa: N818 - what came of it, said as it is
    """A mark or a fingerprint did not take; `tried` holds one line for each attempt."""

    def __init__(self, message: str, tried: Iterable[str] = ()) -> None:
        self.tried = tuple(tried)
        super().__init__("\n".join([message, *self.tried]))


class KeyFileError(ArenaError):
    """The file of a key or of a commitment is missing, closed, changed or not of the form."""


class BaselineError(ArenaError):
    """A baseline of protection is missing, of another form, or of something else."""


class EndpointError(ArenaError):
    """A model behind a URL cannot be asked, or does not answer as a model does."""


class ExecutorError(ArenaError):
    """Whoever is to make the steps is not known, cannot be reached, or is gone."""


class StoreError(ArenaError):
    """The artefact store or the ledger cannot be read or written."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, else the list of known names.

    >>> did_you_mean("digit", ["digits", "mnist"])
    "; did you mean 'digits'?"
    >>> did_you_mean("imagenet", ["digits", "mnist"])
    '; known are digits, mnist'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""
