"""`arena judge` and `arena serve`: what they print, save and refuse."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from arena.runs.judge.judge import Milestone
from arena.runs.served.server import Server
from arena.view.exit_codes import ExitCode
from arena.view.figures.plots import pixels
from arena.view.judge.command import kept_seed
from arena.view.judge.files import set_aside
from arena.view.progress.judge_progress import BarStages, LineStages, choose_stages
from arena.world.models import load_model
from tests.runs.judge.exhibits import FAST, make_exhibits
from tests.view.conftest import Command, Done
from tests.world.endpoints import ModelServer, Reply, running, scripted

pytestmark = pytest.mark.long

SETTINGS = [part for key, value in FAST.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def exhibits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a person's models. Tests only read it."""
    folder = tmp_path_factory.mktemp("exhibits")
    make_exhibits(folder)
    return folder


@dataclasses.dataclass(frozen=True)
class Court:
    """The command, with all that a judgement needs said; what is said again replaces it."""

    arena: Command
    exhibits: Path
    out: Path

    def __call__(self, suspect: str = "copy.safetensors", **changes: str | Path | int) -> Done:
        options: dict[str, str | Path | int] = {
            "victim": self.exhibits / "victim.safetensors",
            "suspect": suspect if "://" in suspect else self.exhibits / suspect,
            "data": "digits",
            "innocents": self.exhibits / "innocents",
            "out": self.out,
        }
        options |= {name.replace("_", "-"): value for name, value in changes.items()}
        flags = [f"--{name}={value}" for name, value in options.items()]
        return self.arena("judge", *flags, *([] if "scheme" in changes else SETTINGS))


@pytest.fixture
def court(arena: Command, exhibits: Path, tmp_path: Path) -> Court:
    return Court(arena, exhibits, tmp_path / "out")


def test_a_copy_is_judged_with_its_evidence(court: Court) -> None:
    done = court()
    assert done.code == ExitCode.COPY
    lines = done.out.splitlines()
    assert any(
        line.split() == ["metric", "value", "tau", "margin", "vote", "p-value"] for line in lines
    )
    for metric in ("RobD", "JSD", "NOD", "NAD", "LOD", "LAD"):
        (line,) = (line for line in lines if line.split()[:1] == [metric])
        assert line.split()[4] == "copy"
    assert "Consistency: the suspect is not the victim itself" in done.out
    assert "Provenance:  derived from the victim (6 of 6 metrics vote copy" in done.out
    assert "Verdict: a copy" in lines
    assert done.err.splitlines()[0] == "[1/3] load data and models"


def test_the_report_is_saved_in_three_files(court: Court) -> None:
    court(seed=7)
    page = (court.out / "report.md").read_text()
    assert page.startswith("# Is copy.safetensors derived from victim.safetensors?")
    assert "**Verdict: a copy.**" in page
    assert "| RobD | 0." in page
    assert "](radar.png)" in page
    assert "the seed 7:" in page
    found = json.loads((court.out / "report.json").read_text())
    assert (found["status"], found["outcome"]) == ("judged", "a copy")
    assert found["verdict"]["is_copy"] is True
    image = pixels((court.out / "radar.png").read_bytes())
    assert min(image.shape[:2]) > 400
    assert image.std() > 10


def test_a_stranger_is_not_shown_to_be_a_copy(court: Court) -> None:
    done = court("stranger.safetensors")
    assert done.code == ExitCode.DONE
    assert "Verdict: not shown to be a copy" in done.out
    assert "a copy that these tests miss would look the same" in done.out


def test_the_victim_itself_is_said_to_be_the_same_model(court: Court) -> None:
    done = court("victim.safetensors")
    assert "Consistency: the suspect is the victim: all weights are equal" in done.out
    assert "Verdict: the same model" in done.out


def test_one_document_may_be_asked_for(court: Court, arena: Command) -> None:
    options = ("--data=digits", f"--innocents={court.exhibits / 'innocents'}", "--json")
    models = (
        f"--victim={court.exhibits / 'victim.safetensors'}",
        f"--suspect={court.exhibits / 'copy.safetensors'}",
    )
    done = arena("judge", *models, *options, f"--out={court.out}", *SETTINGS)
    assert json.loads(done.out) == json.loads((court.out / "report.json").read_text())


def test_state_dicts_are_judged_into_named_networks(court: Court) -> None:
    done = court("copy.pt", suspect_architecture="mlp")
    assert "Verdict: a copy" in done.out
    assert "copy.pt: mlp, 10 classes" in done.out


@pytest.mark.parametrize(("access", "form"), [("probabilities", "json"), ("labels", "npy")])
def test_an_endpoint_is_judged_by_its_answers(court: Court, access: str, form: str) -> None:
    with running(server := ModelServer(load_model(court.exhibits / "copy.safetensors"))):
        done = court(server.url, access=access, format=form)
    assert "Verdict: a copy" in done.out
    assert "NOD does not apply: the suspect's hidden layers may not be seen" in done.out
    assert "Consistency: not examined" in done.out
    queries = json.loads((court.out / "report.json").read_text())["suspect"]["queries"]
    assert f"{queries['images']} images in {queries['requests']} requests" in done.out


def test_evidence_is_kept_when_an_endpoint_fails(court: Court) -> None:
    server = ModelServer(load_model(court.exhibits / "copy.safetensors"))
    with scripted(
        lambda i, body: Reply(server.answer(body, "json")) if i < 2 else Reply(status=404)
    ) as script:
        done = court(script.url, batch=10)
        assert done.code == 2
        assert done.err.splitlines()[-1].startswith("arena: expected status 200")
        page = (court.out / "report.md").read_text()
        assert "**Not judged yet (stopped: expected status 200" in page
        assert "11 images in 3 requests" in page
        assert "6 given; accuracy" in page
        assert not (court.out / "radar.png").exists()
        found = json.loads((court.out / "report.json").read_text())
    server.server_close()
    assert found["tests"]["commitment"] in page


@pytest.mark.parametrize(
    ("suspect", "changes", "sentence"),
    [
        ("nowhere.pt", {}, "expected the file of a suspect, found none at"),
        ("copy.safetensors", {"victim": "nowhere.pt"}, "expected the file of a victim"),
        ("copy.pt", {}, "name the network that it is of with --suspect-architecture"),
        ("copy.pt", {"suspect_architecture": "cnn8"}, "the tensors are not those of cnn8"),
        ("copy.pt", {"suspect_architecture": "mpl"}, "no architecture is named 'mpl'"),
        ("copy.pt", {"suspect_architecture": "mlp, x"}, "expected an architecture like"),
        ("copy.safetensors", {"data": "digit"}, "did you mean 'digits'?"),
        ("copy.safetensors", {"data": "breast-cancer"}, "expected a victim for breast-cancer"),
        ("small.safetensors", {}, "expected a suspect for inputs (1, 8, 8)"),
        ("five.safetensors", {"access": "labels"}, "of 10 classes as the victim has, found 5"),
        ("copy.safetensors", {"access": "label"}, "did you mean 'labels'?"),
        ("copy.safetensors", {"innocents": 2}, "at least 3 innocents for a bound, found 2"),
        ("copy.safetensors", {"innocents": 10**12}, "at most 10,000 innocents for a bound"),
        ("copy.safetensors", {"recipe": "lr=nan"}, "--recipe 'lr': expected a finite number"),
        ("copy.safetensors", {"recipe": "lrr=1"}, "--recipe: unknown key 'lrr'; did you mean 'lr'"),
        ("copy.safetensors", {"recipe": "lr='1'"}, "--recipe: 'lr': expected a number, found '1'"),
        ("copy.safetensors", {"innocents": "nowhere"}, "for a bound, found 0 in nowhere"),
        ("copy.safetensors", {"scheme": "uchida"}, "does not; try adv-tra or akh or cem or"),
        ("copy.safetensors", {"scheme": "deepjuge"}, "did you mean 'deepjudge'?"),
        ("copy.safetensors", {"set": "n_seed=3"}, "did you mean 'n_seeds'?"),
        ("copy.safetensors", {"device": "gpu"}, "expected a device of auto, cpu or cuda"),
        ("copy.safetensors", {"epochs": 0}, "'--epochs'"),
        ("ftp://host/", {}, "expected a URL like http://"),
        ("http://host/", {"access": "weights"}, "access of labels or probabilities to an endpoint"),
        ("http://host/", {"format": "xml"}, "expected a format of json or npy, found 'xml'"),
        ("http://host/", {"timeout": 0}, "expected a timeout above 0"),
        ("http://host/", {"timeout": "inf"}, "'--timeout'"),
        ("http://host/", {"rate": "nan"}, "expected a finite number, found nan"),
        ("http://host/", {"rate": 0}, "expected a rate above 0"),
        ("http://host/", {"header": "secret"}, "expected --header 'NAME: VALUE'"),
        ("http://127.0.0.1:1/", {"retries": 0}, "found no connection"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    court: Court, suspect: str, changes: dict[str, str | int], sentence: str
) -> None:
    done = court(suspect, **changes)
    assert done.code == 2
    assert done.out == ""
    said = [line for line in done.err.splitlines() if not line.startswith("[")]
    assert len(said) == 1
    assert said[0].startswith("arena: ")
    assert sentence in said[0]
    assert "Traceback" not in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("body", "access", "sentence"),
    [
        (b"<html>busy</html>", "labels", "expected probabilities or labels as json"),
        (b'{"labels": [3]}', "probabilities", "try --access labels"),
        (b'{"labels": [10]}', "labels", "expected labels from 0 to 9"),
        (b'{"probabilities": [[0.5, 0.5]]}', "probabilities", "expected 1 rows of 10"),
        (b'{"probabilities": [[9,0,0,0,0,0,0,0,0,-4]]}', "probabilities", "found values from -4"),
    ],
)
def test_answers_that_are_none_are_found_before_anything_is_trained(
    court: Court, body: bytes, access: str, sentence: str
) -> None:
    with scripted(lambda _i, _body: Reply(body)) as script:
        done = court(script.url, access=access, innocents=3)
    assert done.code == 2
    assert done.err.splitlines()[0] == "[1/6] load data and models"
    assert sentence in done.err.splitlines()[1]
    assert len(done.err.splitlines()) == 2


def test_a_folder_keeps_its_seed_and_every_verdict(court: Court) -> None:
    court()
    seed = kept_seed(court.out)
    first = json.loads((court.out / "report.json").read_text())
    court("stranger.safetensors")
    second = json.loads((court.out / "report.json").read_text())
    assert second["asked"]["seed"] == first["asked"]["seed"] == seed
    assert second["tests"]["commitment"] == first["tests"]["commitment"]
    (earlier,) = (court.out / "earlier").iterdir()
    assert json.loads((earlier / "report.json").read_text()) == first
    assert {path.name for path in earlier.iterdir()} == {"report.md", "report.json", "radar.png"}


def test_a_fresh_seed_is_nobodys_guess(tmp_path: Path) -> None:
    assert kept_seed(tmp_path) != kept_seed(tmp_path)
    for text in ('{"asked": 3}', "[" * 100_000 + "]" * 100_000):
        (tmp_path / "report.json").write_text(text)
        assert kept_seed(tmp_path) > 0
        set_aside(tmp_path, {})
    assert (tmp_path / "report.json").is_file()


def test_a_folder_that_cannot_be_written_is_said(court: Court, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = court(out=tmp_path / "file" / "out")
    assert done.code == 2
    assert "expected a folder that can be written" in done.err
    assert done.err.count("\n") == 1


def test_stages_are_lines_in_a_file_and_a_bar_on_a_terminal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file, choose_stages(Console(file=file)) as lines:
        assert isinstance(lines, LineStages)
        lines.begin(Milestone("grow", 1, 3))
        lines.within(1, 2)
    assert (tmp_path / "log").read_text() == "[2/3] grow\n"
    drawn = Console(file=io.StringIO(), force_terminal=True)
    with choose_stages(drawn) as bar:
        assert isinstance(bar, BarStages)
        bar.begin(Milestone("grow", 1, 3))
        bar.within(1, 2)
        (task,) = bar._progress.tasks
        assert (task.description, task.completed, task.total) == ("grow", 1.5, 3)


def test_a_served_model_says_where_it_answers(
    arena: Command, exhibits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "serve_forever", lambda _self: None)
    done = arena("serve", exhibits / "copy.safetensors", "--port=0")
    assert done.code == 0
    assert "copy.safetensors answers probabilities for images of 1x8x8 at http://127" in done.out
    for arguments, sentence in (
        ((exhibits / "copy.pt",), "is a torch.save checkpoint"),
        ((exhibits / "copy.safetensors", "--answers=label"), "did you mean 'labels'?"),
        ((exhibits / "copy.safetensors", "--port=70000"), "expected a free port"),
    ):
        failed = arena("serve", *arguments)
        assert (failed.code, failed.err.count("\n")) == (2, 1)
        assert sentence in failed.err
