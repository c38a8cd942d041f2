"""`arena regress` and the fixture `protection`: what they write, when they fail, what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.outcomes import Failed

from arena.runs.keys.folder import OwnedKey, read_key
from arena.runs.regress.baseline import read_baseline
from arena.runs.regress.subject import OwnedSubject
from arena.view.exit_codes import ExitCode
from arena.view.regress.fixture import Terms, UnderTest
from arena.view.regress.regress_command import thief_of
from arena.world.models import load_model
from tests.view.conftest import Command, Done

pytestmark = pytest.mark.long

NOISE = "noise deviation=0.3"


@pytest.fixture
def regress(arena: Command, own: Path, tmp_path: Path) -> Callable[..., Done]:
    """Return `arena regress` on the protected model, or on the one that was never marked."""

    def call(verb: str, *words: str, marked: bool = True) -> Done:
        model = own / "protected" / "mine.safetensors" if marked else own / "mine.safetensors"
        options = [f"--model={model}", f"--key={own / 'protected' / 'key'}"]
        options.append(f"--passphrase-file={own / 'secret.txt'}")
        return arena("regress", verb, tmp_path / "baseline.json", *options, *words)

    return call


def test_the_first_check_writes_the_baseline_and_fails_once(
    regress: Callable[..., Done], tmp_path: Path
) -> None:
    first = regress("check", f"--thief={NOISE}")
    assert first.code == ExitCode.FAILED
    assert "There was no baseline: look at this one, commit it" in first.out
    again = regress("check")
    assert again.code == ExitCode.DONE
    assert again.out.splitlines()[-1] == "Protection held."
    baseline = read_baseline(tmp_path / "baseline.json")
    assert [cell.thief.name for cell in baseline.cells] == [NOISE]
    assert len(baseline.cells[0].values) == 8
    assert (baseline.subject.scheme, baseline.subject.data) == ("uchida", "digits")


def test_a_mark_that_is_gone_is_weaker_and_is_not_accepted(regress: Callable[..., Done]) -> None:
    """No mark at all is left: half of the bits are wrong, whatever the seeds."""
    regress("record", f"--thief={NOISE}")
    done = regress("check", "--seed=3", marked=False)
    assert done.code == ExitCode.FAILED
    assert f"- {NOISE}: was BER 0." in done.out
    assert done.out.splitlines()[-1] == "Protection is weaker."
    refused = regress("check", "--seed=3", "--update", marked=False)
    assert refused.code == ExitCode.REFUSED
    assert "expected nothing weaker to accept" in refused.err


def test_what_is_stronger_is_reported_and_accepted_on_request(
    regress: Callable[..., Done], tmp_path: Path
) -> None:
    regress("record", f"--thief={NOISE}", marked=False)
    before = read_baseline(tmp_path / "baseline.json")
    done = regress("check", "--json")
    assert done.code == ExitCode.DONE
    assert [cell["status"] for cell in json.loads(done.out)["cells"]] == ["stronger"]
    assert regress("check", "--update").code == ExitCode.DONE
    assert read_baseline(tmp_path / "baseline.json").cells[0].values < before.cells[0].values


def test_a_thief_that_the_baseline_does_not_know_is_a_regression(
    regress: Callable[..., Done],
) -> None:
    regress("record", f"--thief={NOISE}")
    other = "--thief=noise deviation=0.1"
    done = regress("check", other)
    assert done.code == ExitCode.FAILED
    assert "noise deviation=0.1: the baseline has no such cell" in done.out
    assert regress("check", other, "--update").code == ExitCode.DONE
    assert regress("check", other).code == ExitCode.DONE


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--thief=prunne rate=0.5",), "did you mean 'prune'?"),
        (("--thief=noise deviation=-1",), "expected at least 0, found -1"),
        (("--thief=",), "expected a move"),
        (("--thief=prune 'rate=0.5",), "expected a move, found"),
        (("--thief=prune rate",), "--thief: expected key=value, found 'rate'"),
        (("--threat=whitebox_thrid",), "did you mean 'whitebox_third'?"),
        (("--seeds=1", f"--thief={NOISE}"), "expected 7 to 10 seeds (thieves: 1), found 1"),
        (("--thief=none", "--threat=claimant_readonly"), "expected a deliverable of claim"),
    ],
)
def test_what_cannot_be_measured_is_exit_code_2(
    regress: Callable[..., Done], words: tuple[str, ...], sentence: str
) -> None:
    done = regress("record", *words)
    assert (done.code, sentence in done.err) == (ExitCode.REFUSED, True), done.err


def test_a_file_that_is_no_baseline_is_not_recorded_over(
    regress: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "baseline.json").write_text('{"name": "thesis"}')
    done = regress("record", f"--thief={NOISE}")
    assert (done.code, "expected a baseline of `arena regress` or" in done.err) == (2, True)
    assert (tmp_path / "baseline.json").read_text() == '{"name": "thesis"}'


def test_other_data_cannot_be_compared(regress: Callable[..., Done], tmp_path: Path) -> None:
    regress("record", f"--thief={NOISE}")
    path = tmp_path / "baseline.json"
    content = json.loads(path.read_text())
    content["subject"]["data_sha256"] = "0" * 64
    path.write_text(json.dumps(content))
    done = regress("check")
    assert done.code == ExitCode.REFUSED
    assert "expected the data of the baseline (digits, 000000000000)" in done.err
    path.write_text("{}")
    assert "is no baseline" in regress("check").err


def test_several_moves_are_one_thief() -> None:
    thief = thief_of("prune rate=0.9 + ft-al epochs=2", "whitebox_third")
    assert [move.name for move in thief.moves] == ["prune", "ft-al"]
    assert thief.name == "prune rate=0.9 + ft-al epochs=2"


@pytest.fixture
def owned(own: Path) -> OwnedKey:
    return read_key(own / "protected" / "key", "six blind mice")


@pytest.fixture
def under_test(own: Path, owned: OwnedKey, tmp_path: Path) -> Callable[..., UnderTest]:
    """Return what a test would be handed."""

    def of(*, turned: bool = False, first_run: bool = False, update: bool = False) -> UnderTest:
        model = load_model(own / "protected" / "mine.safetensors")
        if turned:  # every weight changes its sign, and so does every bit
            model.load_state_dict({k: -v for k, v in model.state_dict().items()})
        subject = OwnedSubject.of(model, owned, "digits")
        terms = Terms(tmp_path / "baseline.json", 8, None, first_run, update)
        return UnderTest(subject, terms, lambda name, value: None)

    return of


def test_the_fixture_fails_once_and_then_holds(under_test: Callable[..., UnderTest]) -> None:
    with pytest.raises(Failed, match="there was no baseline, so this was written"):
        under_test(first_run=True).survives("noise", deviation=0.3)
    under_test().survives("noise", deviation=0.3)
    with pytest.raises(Failed, match="the baseline has no such cell"):
        under_test().survives("noise", deviation=0.1)
    under_test(update=True).survives("noise", deviation=0.1)
    under_test().survives("noise", deviation=0.1)


def test_the_fixture_says_what_was_and_what_is(under_test: Callable[..., UnderTest]) -> None:
    with pytest.raises(Failed, match=r"does not outlive it: 0 of 8 suspects .* BER (0\.9|1)"):
        under_test(turned=True).survives("noise", deviation=0.3)


def test_a_rate_of_false_positives_is_bounded_by_a_test(
    under_test: Callable[..., UnderTest],
) -> None:
    """Three innocents say little, and no rate below their level can be told from none."""
    under_test().false_positive_rate(max=0.05, innocents=3, epochs=1)
