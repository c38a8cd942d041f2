"""`arena bench` and `arena board`, from a suite's file to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from arena.runs.bench.result import read_result
from arena.runs.bench.subject import subject_of_model
from arena.runs.bench.suite import read_suite
from arena.runs.keys.folder import read_key
from arena.view.exit_codes import ExitCode
from arena.world.models import load_model
from tests.view.conftest import Command, call

pytestmark = pytest.mark.long

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
TINY, SCHEMES = HERE / "tiny-1.toml", HERE / "schemes.py"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board's folder of a good scheme, one that raises, and one that accuses everybody."""
    out = tmp_path_factory.mktemp("board")
    suite = (f"--suite={TINY}", f"--out={out}", "--jobs=1")
    assert call("bench", "uchida", *suite) == ExitCode.DONE
    for title in ("Raises", "Accuses"):
        assert call("bench", f"{SCHEMES}:{title}", "--trust", *suite) == ExitCode.FAILED
    return out


@pytest.mark.end_to_end
def test_a_result_holds_what_the_suite_says(board: Path) -> None:
    result = read_result(board / "uchida.json")
    assert (result.status, result.run.suite, result.run.data) == ("OK", "tiny-1", "digits")
    assert (result.robust.n, result.robust.clusters, result.unknown) == (2, 2, 0)
    assert [one.thieves for one in result.families] == [1, 1, 0, 0, 1, 0]
    assert result.false_positives.n == 2 * 4
    assert [tried.strength for tried in result.strengths[0].tried] == [0.0, 1.0]
    assert result.run.seeds == {"reported": 3, "calibration": 4}
    assert result.verify is not None
    assert result.fidelity_loss is not None


def test_a_bench_that_is_done_plays_nothing_again(arena: Command, board: Path) -> None:
    before = read_result(board / "uchida.json")
    done = arena("bench", "uchida", f"--suite={TINY}", f"--out={board}", "--jobs=1")
    steps = [line for line in done.err.splitlines() if "steps" in line]
    assert steps == ["tiny-1-search: no steps to make", "tiny-1: no steps to make"]
    assert read_result(board / "uchida.json").robust == before.robust
    assert "Robust ownership of uchida" in done.out


def test_a_bench_is_a_tournament_that_can_be_shown(arena: Command, board: Path) -> None:
    assert "forge-key.0" in arena("show", board / "uchida").out


def test_a_scheme_that_fails_or_accuses_everybody_is_on_the_board_with_the_reason(
    arena: Command, board: Path
) -> None:
    failed, accuses = (read_result(board / f"test-{name}.json") for name in ("raises", "accuses"))
    assert (failed.status, failed.headline) == ("ERROR", None)
    assert "a scheme's own fault" in failed.reason
    assert (accuses.status, accuses.headline) == ("ACCUSES", None)
    names = [flag.name for flag in accuses.flags]
    assert names == [
        "ignores-suspect",
        "accuses-innocents",
        "constant-statistic",
        "recoverable-key",
    ]
    page = arena("board", board, "--markdown").out
    assert page.index("| uchida |") < page.index("| test-accuses |") < page.index("| test-raises |")
    assert "test-accuses: no headline, it accuses innocents (accuses 8 of 8 innocents" in page
    rows = json.loads(arena("board", board, "--json").out)["digits"]
    assert [row["status"] for row in rows] == ["OK", "ACCUSES", "ERROR"]


def test_a_protected_model_is_benched_with_its_key_which_is_not_written_down(
    arena: Command, own: Path, board: Path
) -> None:
    model, secret = own / "protected" / "mine.safetensors", own / "secret.txt"
    before = set((board / "artefacts").rglob("*.key"))
    words = (f"--key={own / 'protected' / 'key'}", f"--passphrase-file={secret}")
    done = arena("bench", model, *words, f"--suite={TINY}", f"--out={board}")
    assert done.code == ExitCode.DONE
    (path,) = board.glob("uchida-*.json")
    result = read_result(path)
    assert (result.subject.source, result.fidelity_loss) == ("model", None)
    assert (result.robust.n, result.robust.clusters) == (2, 1)
    assert before  # of models that the bench protected itself
    assert set((board / "artefacts").rglob("*.key")) == before


def test_a_model_with_a_fingerprint_is_stolen_itself_and_not_its_twin(
    arena: Command, own: Path, tmp_path: Path
) -> None:
    """It is as it was, but no twin of what the suite trains: that one is its innocent."""
    made, scheme = tmp_path / "made", ("--scheme=akh", "--innocents=6", "--innocent-epochs=20")
    done = arena("protect", own / "mine.safetensors", "--data=digits", *scheme, f"--out={made}")
    assert done.code == ExitCode.DONE, done.err
    words = (f"--key={made / 'key'}", f"--suite={TINY}", f"--out={tmp_path / 'board'}")
    done = arena("bench", made / "mine.safetensors", *words)
    assert done.code == ExitCode.DONE, done.err
    (path,) = (tmp_path / "board").glob("akh-*.json")
    result = read_result(path)
    assert (result.status, result.unknown, len(result.broken)) == ("OK", 0, 0)
    (control,) = (family for family in result.families if family.family == "control")
    assert control.found.hits == control.found.n > 0


def test_two_models_under_one_key_are_two_subjects(own: Path) -> None:
    owned = read_key(own / "protected" / "key", "six blind mice")
    model = load_model(own / "protected" / "mine.safetensors")
    other = model.copy()
    with torch.no_grad():
        next(other.body.parameters()).add_(0.01)
    versions = []
    for victim in (model, model.copy(), other):
        stand_in = subject_of_model(victim, owned).stand_in
        assert stand_in is not None
        versions.append(stand_in.version())
    assert versions[0] == versions[1] != versions[2]


def test_a_protected_model_is_benched_on_its_own_data(arena: Command, own: Path) -> None:
    model, key = own / "protected" / "mine.safetensors", own / "protected" / "key"
    closed = f"--passphrase-file={own / 'secret.txt'}"
    done = arena("bench", model, f"--key={key}", closed, "--data=mnist", f"--out={own / 'no'}")
    assert done.code == ExitCode.REFUSED
    assert "expected the data of the protected model, 'digits', found --data mnist" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("uchidaa",), "did you mean 'uchida'?"),
        (("uchida", "--data=mnist"), "is not played on 'mnist'"),
        (("uchida", "--suite=standard-0"), "no suite is called 'standard-0'"),
        (("kgw",), "'kgw' needs a model of language"),
        (("missing.py:Mine",), "missing.py"),
        (("mine.py",), "no defender is called"),
        ((str(SCHEMES),), "name its class"),
    ],
)
def test_what_cannot_be_benched_is_refused_with_a_sentence(
    arena: Command, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    suite = () if any("--suite" in word for word in words) else (f"--suite={TINY}",)
    done = arena("bench", *words, *suite, f"--out={tmp_path}")
    assert done.code == ExitCode.REFUSED
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_board_of_nothing_is_refused(arena: Command, tmp_path: Path) -> None:
    done = arena("board", tmp_path)
    assert done.code == ExitCode.REFUSED
    assert "found none" in done.err


def test_the_board_that_ships_is_made_from_the_results_that_ship(arena: Command) -> None:
    places = sorted((ROOT / "benchmarks" / "results" / "board").iterdir())
    page = arena("board", *places, "--markdown").out
    assert page == (ROOT / "docs" / "board.md").read_text(encoding="utf-8")
    for place in places:
        runs = [read_result(path).run for path in place.iterdir()]
        assert {run.suite_sha256 for run in runs} == {read_suite("standard-1").digest}
        assert {run.data for run in runs} == {place.name}
