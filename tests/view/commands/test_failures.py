"""How a command ends with an exception."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel, Field, ValidationError

from arena.errors import ArenaError, ModelError, ScenarioError, ShowsLess
from arena.view.commands import run
from arena.view.commands.failures import TRACE, Ended, ending, resumable
from tests.view.conftest import Command


@pytest.mark.parametrize(
    ("error", "code", "sentences"),
    [
        (ArenaError("no"), 2, ("no",)),
        (ModelError("no such model"), 2, ("no such model",)),
        (ShowsLess("it only answers"), 3, ("it only answers",)),
        (ScenarioError(["one", "two"]), 2, ("one", "two")),
        (typer.BadParameter("not a number."), 2, None),
        (KeyboardInterrupt(), 130, ("stopped",)),
        (typer.Abort(), 130, ("stopped",)),
        (Ended(7, "as it was"), 7, ("as it was",)),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300),
            2,
            (
                f"expected a path that can be used, found '{'x' * 57}...' (File name too long); "
                "choose another, or mend what is there",
            ),
        ),
        (PermissionError(errno.EACCES, "Permission denied", Path("a/b")), 2, None),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", b"a/b"), 2, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_a_person_can_cause_is_a_sentence(
    error: BaseException, code: int, sentences: tuple[str, ...] | None
) -> None:
    end = ending(error)
    assert end.code == code
    assert sentences is None or end.sentences == sentences


@pytest.mark.parametrize(
    "error",
    [
        OSError("something of the machine"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EBADF, "Bad file descriptor", 3),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
    ids=repr,
)
def test_an_error_of_the_machine_that_names_no_path_is_unexpected(
    error: OSError, tmp_path: Path
) -> None:
    end = ending(error, tmp_path)
    assert end.code == 1
    assert end.sentences[0].startswith(f"unexpected {type(error).__name__} (")


class _Form(BaseModel):
    share: float = Field(0.5, gt=0, lt=1)
    n: int = 1


def test_what_a_form_refuses_is_a_sentence_for_each_field() -> None:
    with pytest.raises(ValidationError) as caught:
        _Form.model_validate({"share": 0, "n": "x" * 100})
    end = ending(caught.value)
    assert end.code == 2
    assert end.sentences[0] == "'share': expected greater than 0, found 0"
    assert end.sentences[1].startswith("'n': expected a valid integer")
    assert max(map(len, end.sentences)) < 200


def test_an_unexpected_error_leaves_its_trace_in_the_folder(tmp_path: Path) -> None:
    try:
        raise ZeroDivisionError("one\ntwo")
    except ZeroDivisionError as error:
        end = ending(error, tmp_path)
    assert end.code == 1
    assert end.sentences == (
        f"unexpected ZeroDivisionError (one); the trace is in {tmp_path / TRACE}",
    )
    assert "ZeroDivisionError: one\ntwo" in (tmp_path / TRACE).read_text()


def test_the_trace_goes_elsewhere_where_the_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    end = ending(ValueError("x"), tmp_path / "nowhere")
    assert str(tmp_path / TRACE) in end.sentences[0]
    assert (tmp_path / TRACE).is_file()


def test_ctrl_c_says_which_command_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/arena", "run", "a name", "--jobs=1"])
    with (
        pytest.raises(Ended, match="`arena run 'a name' --jobs=1` continues") as ended,
        resumable(tmp_path),
    ):
        raise KeyboardInterrupt
    assert ended.value.code == 130


def test_what_goes_well_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / TRACE).write_text("of an earlier run")
    with resumable(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "continues from there"),
        (RuntimeError("boom"), 1, "unexpected RuntimeError (boom); the trace is in"),
        (MemoryError(), 1, "unexpected MemoryError"),
        (ModelError("a bad model"), 2, "arena: a bad model"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_tournament_that_breaks_off_says_so_without_a_traceback(
    arena: Command,
    scenario_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    def breaks(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(run, "play", breaks)
    done = arena("run", scenario_file, "--out", tmp_path / "out")
    assert done.code == code
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "out" / TRACE).exists() == (code == 1)


def test_whoever_reads_only_the_first_lines_is_no_error() -> None:
    closed = SystemExit(1)  # as rich does when nobody reads on
    closed.__context__ = BrokenPipeError()
    end = ending(closed)
    assert (end.code, end.sentences) == (0, ())
