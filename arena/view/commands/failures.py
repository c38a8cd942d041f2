"""What a person reads when a command cannot go on: sentences, an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import typer

from arena.errors import ArenaError, NotComparable, NotTaken, ScenarioError, did_you_mean
from arena.view.exit_codes import ExitCode

TRACE = "crash.txt"
_LONGEST = 62  # characters of a path or a value that a sentence shows

UsageError: type[BaseException] = typer.BadParameter.__mro__[1]
"""What every version of typer raises for a command line that it cannot read."""


class Ended(Exception):  # noqa: N818 - how a command ended, not always an error
    """A command ends here; `sentences` are said on stderr and `code` is its exit code."""

    def __init__(self, code: int, *sentences: str) -> None:
        self.code, self.sentences = code, sentences
        super().__init__("\n".join(sentences))


def ending(error: BaseException, folder: Path | None = None) -> Ended:
    """Return how a command ends with an exception; an unexpected one leaves its trace in a file.

    Args:
        error: what was raised.
        folder: where the trace goes; None is the folder for temporary files.
    """
    if isinstance(error, Ended):
        return error
    if isinstance(error, ScenarioError):
        return Ended(ExitCode.REFUSED, *error.problems)
    if isinstance(error, NotTaken | NotComparable):
        return Ended(ExitCode.NO_ANSWER, *str(error).splitlines())
    if isinstance(error, ArenaError):
        return Ended(ExitCode.REFUSED, str(error))
    if isinstance(error, UsageError):
        return Ended(ExitCode.REFUSED, _usage(error))
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return Ended(ExitCode.STOPPED, "stopped")
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        return Ended(ExitCode.DONE)  # `| head` has read enough
    if isinstance(error, SystemExit):  # whatever a player's code asked for, this is no success
        asked = f"a player's code ended the program (sys.exit({error.code!r}))"
        return Ended(ExitCode.REFUSED, f"expected players that return or raise, found that {asked}")
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes | os.PathLike):
        return Ended(ExitCode.REFUSED, _path(error))  # one with no path is the machine's, or ours
    if isinstance(error, ValueError) and (refused := _refused(error)):
        return Ended(ExitCode.REFUSED, *refused)
    path = _trace(error, folder or Path(tempfile.gettempdir()))
    first = str(error).partition("\n")[0]
    return Ended(
        ExitCode.FAILED, f"unexpected {type(error).__name__} ({first}); the trace is in {path}"
    )


def _path(error: OSError) -> str:
    """Return what is wrong with the path that an error names."""
    name = repr(os.fsdecode(error.filename))
    found = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 4]}...'"
    return (
        f"expected a path that can be used, found {found} ({error.strerror}); choose another, or "
        "mend what is there"
    )


def _refused(error: ValueError) -> list[str]:
    """Return a sentence for each field that a form of pydantic refused; none of another error."""
    from pydantic import BaseModel, ValidationError  # slow: only who failed waits for it

    from arena.runs.scenario_errors import sentences

    return sentences(error, "", BaseModel) if isinstance(error, ValidationError) else []


def _usage(error: BaseException) -> str:
    """Return what is wrong with a command line, with the nearest option there is."""
    known = getattr(error, "possibilities", None)
    if known:
        name: str = getattr(error, "option_name", "")
        return f"no option is called {name!r}{did_you_mean(name, known)}"
    message: str = getattr(error, "format_message", error.__str__)()
    return f"{message.rstrip('.')}; `arena --help` lists what there is"


def _trace(error: BaseException, folder: Path) -> Path:
    path = folder / TRACE
    text = "".join(traceback.format_exception(error))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:  # a folder that cannot be written may be the very error
        path = Path(tempfile.gettempdir()) / TRACE
        path.write_text(text, encoding="utf-8")
    return path


@contextlib.contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Turn Ctrl-C and unexpected errors of a tournament into the sentences that belong to it."""
    (folder / TRACE).unlink(missing_ok=True)  # of an earlier run
    try:
        yield
    except KeyboardInterrupt as error:
        again = shlex.join(["arena", *sys.argv[1:]])
        sentence = f"stopped; what is finished is kept, and `{again}` continues from there"
        raise Ended(ExitCode.STOPPED, sentence) from error
    except Exception as error:
        raise ending(error, folder) from error
