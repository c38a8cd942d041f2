"""`arena protect` and `arena verify`: what they write, print, refuse, and their exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from arena.view.exit_codes import ExitCode
from arena.world.models import Model, load_model, save_model
from tests.view.conftest import Command


@pytest.fixture
def accuse(arena: Command, own: Path) -> Command:
    """Return `arena verify` with the key's passphrase said."""
    return lambda *words: arena(
        "verify",
        own / "protected" / "key",
        *words,
        f"--passphrase-file={own / 'secret.txt'}",
    )


def test_model_key_commitment_and_report_are_written(own: Path) -> None:
    out = own / "protected"
    report = json.loads((out / "report.json").read_text())
    commitment = json.loads((out / "commitment.json").read_text())
    marked = load_model(out / "mine.safetensors")
    assert marked.digest() == commitment["model_sha256"] == report["model"]
    assert commitment["key_sha256"] == report["commitment"]
    assert report["marked_p"] <= 1e-6
    names = {file.name for file in (out / "key").iterdir()}
    assert {"about.json", "key.sealed"} <= names
    assert "key.safetensors" not in names
    assert "seed" not in json.dumps(report["scheme"])


def test_a_copy_is_said_to_be_one(accuse: Command, own: Path) -> None:
    done = accuse(own / "protected" / "mine.safetensors")
    assert done.code == ExitCode.COPY
    lines = done.out.splitlines()
    assert lines[-1] == "Verdict: a copy"
    assert any(line.startswith("BER          0.") for line in lines)
    assert "paper's rule BER = 0: " in done.out
    assert "who copied whom" in done.out


def test_the_unmarked_model_is_not_shown_to_be_one(accuse: Command, own: Path) -> None:
    done = accuse(own / "mine.safetensors", "--level=1e-6", "--json")
    assert done.code == ExitCode.DONE
    found = json.loads(done.out)
    assert (found["outcome"], found["level"]) == ("not shown to be a copy", 1e-6)
    assert "a copy whose mark was removed would look the same" in found["not_shown"][0]


def test_a_suspect_that_the_key_cannot_read_is_not_comparable(
    accuse: Command, tiny: Model, tmp_path: Path
) -> None:
    save_model(tiny, tmp_path / "other.safetensors")
    done = accuse(tmp_path / "other.safetensors")
    assert done.code == ExitCode.NO_ANSWER
    assert "Verdict: nothing can be said" in done.out
    assert "nothing was compared" in done.out


def test_a_suspect_that_shows_less_than_the_key_reads_is_not_comparable(
    accuse: Command, tmp_path: Path
) -> None:
    skops = pytest.importorskip("skops.io")
    digits = load_digits()
    skops.dump(DecisionTreeClassifier().fit(digits.data, digits.target), tmp_path / "a.skops")
    for suspect, sentence in (
        (tmp_path / "a.skops", "expected a suspect whose weights can be read"),
        ("http://localhost/model", "expected weights, as 'uchida' reads them"),
    ):
        done = accuse(suspect)
        assert (done.code, sentence in done.err) == (ExitCode.NO_ANSWER, True), done.err


def test_a_state_dict_comes_back_as_one(arena: Command, own: Path, tmp_path: Path) -> None:
    model = load_model(own / "mine.safetensors")
    state = {k.removeprefix("body."): v for k, v in model.state_dict().items()}
    torch.save(state, tmp_path / "mine.pt")
    means = ", ".join(map(str, model.card.mean))
    stds = ", ".join(map(str, model.card.std))
    done = arena(
        "protect",
        tmp_path / "mine.pt",
        "--data=digits",
        "--set=strength=0.3",
        "--epochs=12",
        "--innocents=0",
        f"--architecture=mlp, mean = [{means}], std = [{stds}]",
        f"--out={tmp_path / 'out'}",
        "--json",
    )
    assert done.code == ExitCode.DONE, done.err
    assert json.loads(done.out)["innocents"] == []
    marked = torch.load(tmp_path / "out" / "mine.pt", weights_only=True)
    assert {k: v.shape for k, v in marked.items()} == {k: v.shape for k, v in state.items()}
    assert arena("verify", tmp_path / "out" / "key", tmp_path / "out" / "mine.pt").code == 10


def test_a_mark_that_did_not_take_writes_nothing(arena: Command, own: Path, tmp_path: Path) -> None:
    done = arena(
        "protect",
        own / "mine.safetensors",
        "--data=digits",
        "--epochs=1",
        "--p=1e-30",
        f"--out={tmp_path / 'out'}",
    )
    assert done.code == ExitCode.NO_ANSWER
    said = [line for line in done.err.splitlines() if line.startswith("arena: ")]
    assert said[0].startswith("arena: the mark did not take")
    assert [line.startswith("arena: tried strength = ") for line in said[1:]] == [True] * 3
    assert not list((tmp_path / "out").glob("*.safetensors"))
    assert not (tmp_path / "out" / "key").exists()


def test_mistakes_are_one_sentence_and_exit_code_2(
    arena: Command, own: Path, tmp_path: Path
) -> None:
    mine, out = own / "mine.safetensors", f"--out={tmp_path / 'out'}"
    digits, key = "--data=digits", own / "protected" / "key"
    said = f"--passphrase-file={own / 'secret.txt'}"
    (own / "wrong.txt").write_text("three blind mice\n")
    cases = [
        (("protect", mine, digits, f"--out={own / 'protected'}"), "expected a new folder"),
        (("protect", mine, digits, out, "--scheme=uchidda"), "did you mean 'uchida'?"),
        (("protect", mine, digits, out, "--epochs=few"), "expected --epochs like 3,10,30"),
        (("protect", mine, digits, out, "--epochs=3,2000000"), "'epochs': expected less than"),
        (("protect", mine, digits, out, "--p=0"), "'p_value': expected greater than 0, found 0.0"),
        (("protect", mine, digits, out, "--p=1"), "'p_value': expected less than 1, found 1.0"),
        (("protect", mine, digits, out, "--p=nan"), "'p_value': expected "),
        (("protect", mine, digits, out, "--max-loss=nan"), "'max_loss': expected "),
        (("protect", mine, digits, out, "--max-loss=2"), "'max_loss': expected "),
        (("protect", mine, digits, out, "--lr=nan"), "'lr': expected "),
        (("protect", mine, digits, out, "--lr=inf"), "'lr': expected less than or equal to 1000"),
        (("protect", mine, digits, out, "--lr=-1"), "'lr': expected greater than 0, found -1.0"),
        (("protect", mine, digits, out, "--innocent-epochs=1000001"), "'epochs': expected less"),
        (("protect", own / "none.pt", digits, out), "expected the file of a model"),
        (("protect", mine, digits, out, "--set=n_bitts=8"), "did you mean 'n_bits'?"),
        (("protect", mine, digits, out, f"--passphrase-file={own / 'no'}"), "a passphrase in"),
        (("verify", key, mine), "is closed, and no passphrase was given; try --passphrase-file"),
        (("verify", key, mine, f"--passphrase-file={own / 'wrong.txt'}"), "another passphrase"),
        (("verify", own, mine), "expected the folder of a key"),
        (("verify", key, own / "none", said), "a suspect"),
        (("verify", key, "http://localhost/model", said, "--access=logits"), "labels or prob"),
        (("verify", key, "http://localhost/model", said, "--header=token"), "'NAME: VALUE'"),
        (("verify", key, "ftp://localhost/model", said), "expected a URL like http"),
    ]
    for words, sentence in cases:
        done = arena(*words)
        assert (done.code, sentence in done.err) == (ExitCode.REFUSED, True), done.err
        assert len([line for line in done.err.splitlines() if "arena: " in line]) == 1


def test_an_open_key_needs_no_passphrase_and_a_moved_one_still_verifies(
    arena: Command, own: Path, tmp_path: Path
) -> None:
    shutil.copytree(own / "protected" / "key", tmp_path / "key")
    done = arena(
        "verify",
        tmp_path / "key",
        own / "protected" / "mine.safetensors",
        f"--passphrase-file={own / 'secret.txt'}",
    )
    assert done.code == ExitCode.COPY
