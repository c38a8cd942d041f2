"""Two owners say that a model is theirs. Files are all that a judge has, and they are enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.view.exit_codes import ExitCode
from tests.view.conftest import FAST, Command, call


@pytest.fixture(scope="module")
def opened(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `claimed`, the first owner's model marked once more by the second; opened keys;
    `commitments.json`, in which the first owner came first.
    """
    folder = tmp_path_factory.mktemp("dispute")
    first, second = own / "protected", folder / "claimed"
    closed = f"--passphrase-file={own / 'secret.txt'}"
    to = f"--to={folder / 'commitments.json'}"
    assert not call("keys", "commit", first / "key", to, closed)
    stolen = first / "mine.safetensors"
    assert not call("protect", stolen, "--data=digits", *FAST, f"--out={second}")
    assert not call("keys", "commit", second / "key", to)
    assert not call("keys", "reveal", first / "key", f"--out={folder / 'first'}", closed)
    assert not call("keys", "reveal", second / "key", f"--out={folder / 'second'}")
    return folder


@pytest.fixture
def numbers(arena: Command, opened: Path) -> Callable[[str], list[int]]:
    """Return which entries are committed to an opened key; the commitments hold."""

    def of(name: str) -> list[int]:
        file = opened / "commitments.json"
        done = arena("keys", "check", file, f"--key={opened / name}", "--json")
        assert done.code == ExitCode.DONE, done.out
        return list(json.loads(done.out)["opened"])

    return of


def test_the_judge_finds_who_was_first_and_whose_model_came_of_whose(
    arena: Command, own: Path, opened: Path, numbers: Callable[[str], list[int]]
) -> None:
    """Both keys verify on the claimed model; only the first's verifies on both, and it is older.

    The second's key says of the first's model what it says of any that it never marked.
    """
    claimed, earlier = (
        folder / "mine.safetensors" for folder in (opened / "claimed", own / "protected")
    )
    strict = "--level=1e-6"
    assert arena("verify", opened / "second", claimed, strict).code == ExitCode.COPY
    assert arena("verify", opened / "first", claimed, strict).code == ExitCode.COPY
    assert arena("verify", opened / "first", earlier, strict).code == ExitCode.COPY
    assert arena("verify", opened / "second", earlier, strict).code == ExitCode.DONE
    assert numbers("first") == [0]
    assert numbers("second") == [1]


def test_a_revealed_key_is_open_and_its_identity_is_not_in_it(opened: Path, own: Path) -> None:
    assert {file.name for file in (opened / "first").iterdir()} == {"about.json", "key.safetensors"}
    assert (own / "protected" / "key" / "identity.pem").is_file()


def test_a_commitment_that_was_written_later_does_not_hold(arena: Command, opened: Path) -> None:
    """The second owner moves its entry to the front, and dates it back."""
    path = opened / "commitments.json"
    content = json.loads(path.read_text())
    content["entries"].reverse()
    content["entries"][0]["statement"]["stated_at"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(content))
    done = arena("keys", "check", path)
    assert done.code == ExitCode.FAILED
    assert "- entry 0 does not follow the entry before it" in done.out
    assert "- entry 0 is not signed by its author" in done.out
    assert done.out.splitlines()[-1] == "The commitments do not hold."


def test_a_key_that_nobody_committed_to_is_said_to_be_one(
    arena: Command, opened: Path, tmp_path: Path
) -> None:
    other, identity = tmp_path / "other.json", tmp_path / "identity.pem"
    arena("keys", "commit", opened / "second", f"--to={other}", f"--identity={identity}")
    done = arena("keys", "check", other, f"--key={opened / 'first'}")
    assert done.code == ExitCode.FAILED
    assert "no entry is committed to the key" in done.out


def test_a_key_is_shown_without_its_secret(arena: Command, own: Path) -> None:
    done = arena("keys", "show", own / "protected" / "key", "--json")
    facts = json.loads(done.out)
    assert (facts["scheme"], facts["closed"], facts["data"]) == ("uchida", True, "digits")
    assert facts["key_sha256"] in arena("keys", "show", own / "protected" / "key").out
