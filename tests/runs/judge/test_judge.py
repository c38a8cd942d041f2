"""A judgement of two models: what it says, what it refuses, what it keeps when it fails."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError, DataError, EndpointError, ModelError, RegistryError
from arena.game.match.steps.step_cache import Setting
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.judge.judge import Hearing, Milestone, judging_scheme
from arena.runs.judge.model_files import ModelFile
from arena.runs.judge.request import AccessLevel, Findings, Trial
from arena.world.json_values import Raw
from arena.world.models import build, load_model, save_model
from arena.world.remote.endpoint import Endpoint
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from tests.runs.judge.exhibits import N_INNOCENTS, SCHEME
from tests.world.endpoints import ModelServer, Reply, running, scripted

pytestmark = pytest.mark.long

N_ASKED = 180  # held-out digits by which a suspect's utility is measured


def trial_of(exhibits: Path, suspect: str | Endpoint = "copy", **changes: Any) -> Trial:
    """Return the trial of a suspect by name, against the given innocents unless changed."""
    shown = (
        suspect
        if isinstance(suspect, Endpoint)
        else ModelFile(exhibits / f"{suspect}.safetensors", "suspect")
    )
    trial = Trial(
        victim=ModelFile(exhibits / "victim.safetensors", "victim"),
        suspect=shown,
        data="digits",
        access="weights" if isinstance(shown, ModelFile) else "probabilities",
        innocents=exhibits / "innocents",
        scheme=SCHEME,
        seed=4,
        recipe=Recipe(epochs=1),
    )
    return dataclasses.replace(trial, **changes)


def hearing_of(trial: Trial, folder: Path, stages: list[Milestone] | None = None) -> Hearing:
    heard: list[Milestone] = [] if stages is None else stages
    return Hearing(trial, folder, Setting(), lambda stage, _findings: heard.append(stage))


def held(trial: Trial, folder: Path) -> Findings:
    return hearing_of(trial, folder).hold()


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tests are grown once for all trials that share them."""
    return tmp_path_factory.mktemp("court")


def test_a_copy_is_told_from_a_stranger(exhibits: Path, court: Path) -> None:
    copy = held(trial_of(exhibits), court).verdict
    stranger = held(trial_of(exhibits, "stranger"), court).verdict
    assert copy is not None
    assert stranger is not None
    assert copy.is_copy
    assert copy.p_value < 1e-3
    assert not stranger.is_copy
    assert stranger.p_value > 0.01


def test_nothing_is_said_of_a_stranger_that_is_weaker_than_all_innocents(
    exhibits: Path, court: Path
) -> None:
    """It errs where the victim errs, for the reason that it errs everywhere."""
    weak = held(trial_of(exhibits, "weak"), court).verdict
    assert weak is not None
    assert (weak.outcome, weak.is_copy, weak.p_value) == ("no reference", False, 1.0)
    assert "train some that are as useful as it" in weak.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [Recipe(epochs=25, label_smoothing=0.1), Recipe(epochs=1), Recipe(epochs=2)],
    ids=["smoothed labels", "one epoch", "two epochs"],
)
def test_an_independent_model_that_was_trained_otherwise_is_no_copy(
    tmp_path: Path, recipe: Recipe
) -> None:
    """Both learnt so, from halves of the data that share nothing."""
    task = load_task(TaskSpec())
    for name, data, seed in (("victim", task.splits.owner, 0), ("other", task.splits.other, 1)):
        model = build(task.card, Rng(seed))
        how = recipe if name == "other" or recipe.label_smoothing else Recipe(epochs=25)
        Trainer(task.compute).train(model, Examples.of(data), how, Rng(seed + 100))
        save_model(model, tmp_path / f"{name}.safetensors")
    changes = {"innocents": 12, "recipe": Recipe(epochs=25)}
    verdict = held(trial_of(tmp_path, "other", **changes), tmp_path).verdict
    assert verdict is not None
    assert not verdict.is_copy


def test_the_victim_itself_is_found_by_the_first_stage(exhibits: Path, court: Path) -> None:
    verdict = held(trial_of(exhibits, "victim"), court).verdict
    assert verdict is not None
    assert verdict.figures["consistency"]["kind"] == "exact"
    assert {line["value"] for line in verdict.figures["evidence"]["all"]["lines"]} == {0.0}


@pytest.mark.parametrize(
    ("access", "metrics"),
    [
        ("labels", ["RobD"]),
        ("probabilities", ["RobD", "JSD"]),
        ("weights", ["RobD", "JSD", "NOD", "NAD", "LOD", "LAD"]),
    ],
)
def test_an_access_level_uses_only_what_it_may(
    exhibits: Path, court: Path, access: AccessLevel, metrics: list[str]
) -> None:
    verdict = held(trial_of(exhibits, access=access), court).verdict
    assert verdict is not None
    evidence = verdict.figures["evidence"]["all"]
    assert [line["metric"] for line in evidence["lines"]] == metrics
    assert len(evidence["not_applicable"]) == 6 - len(metrics)
    assert ("consistency" in verdict.figures) == (access == "weights")


def test_another_class_count_leaves_the_hidden_layers(exhibits: Path, court: Path) -> None:
    findings = held(trial_of(exhibits, "five"), court)
    assert findings.verdict is not None
    evidence = findings.verdict.figures["evidence"]["all"]
    assert {line["metric"] for line in evidence["lines"]} == {"NOD", "NAD", "LOD", "LAD"}
    assert findings.suspect is not None
    assert findings.suspect.accuracy is None


@pytest.mark.parametrize("access", ["labels", "probabilities"])
def test_an_endpoint_is_judged_as_its_file_is(
    exhibits: Path, court: Path, access: AccessLevel
) -> None:
    wanted: AccessLevel = access
    server = ModelServer(load_model(exhibits / "copy.safetensors"), wanted)  # type: ignore[arg-type]
    with running(server):
        asked = trial_of(exhibits, Endpoint(url=server.url), access=access)
        remote = held(asked, court)
    local = held(trial_of(exhibits, access=access), court)
    assert remote.verdict is not None
    assert local.verdict is not None
    assert remote.verdict.p_value == pytest.approx(local.verdict.p_value, rel=1e-3)
    told: dict[str, Raw] = remote.plain()
    queries = told["suspect"]["queries"]
    assert remote.verdict.figures["n_whitebox"] == 0  # nobody could read them
    n_tests = remote.verdict.figures["n_blackbox"] + N_ASKED
    assert queries["images"] == n_tests + 1  # one image finds faults before anything is made


def test_findings_are_plain_and_name_everything(exhibits: Path, court: Path) -> None:
    found = json.loads(json.dumps(held(trial_of(exhibits), court).plain()))
    assert found["status"] == "judged"
    assert found["asked"]["scheme"]["name"] == "deepjudge"
    assert found["asked"]["seed"] == 4
    assert len(found["innocents"]) == N_INNOCENTS
    assert {one["kind"] for one in found["innocents"]} == {"given"}
    assert 0.8 < found["victim"]["accuracy"] <= 1
    assert len(found["tests"]["commitment"]) == 64


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"innocents": 2}, "expected at least 3 innocents for a bound, found 2"),
        ({"innocents": Path("nowhere")}, "found 0 in nowhere"),
        ({"scheme": PlayerSpec(name="uchida")}, "which does not; try adv-tra or akh or cem or"),
        ({"scheme": PlayerSpec(name="none")}, "found 'none', which does not"),
        ({"scheme": PlayerSpec(name="deepjuge")}, "did you mean 'deepjudge'"),
        ({"scheme": PlayerSpec(name="deepjudge", settings={"n_seed": 1})}, "'n_seeds'"),
        ({"data": "digit"}, "did you mean 'digits'"),
        ({"data": "breast-cancer"}, "expected a victim for breast-cancer"),
        (
            {"victim": ModelFile(Path("no.pt"), "victim")},
            "the file of a victim, found none at no.pt",
        ),
        ({"suspect": ModelFile(Path("no.pt"), "suspect")}, "the file of a suspect, found none"),
        (
            {"suspect": Endpoint(url="http://localhost:1/"), "access": "weights"},
            "access of labels or probabilities",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_judged_is_one_sentence(
    exhibits: Path, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArenaError, match=sentence) as caught:
        held(trial_of(exhibits, **changes), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suspect", "access", "sentence"),
    [
        ("small", "weights", r"for inputs \(1, 8, 8\) as the victim takes, found \(30,\)"),
        ("five", "labels", "of 10 classes as the victim has, found 5"),
    ],
)
def test_a_suspect_of_another_form_is_one_sentence(
    exhibits: Path, tmp_path: Path, suspect: str, access: AccessLevel, sentence: str
) -> None:
    hearing = hearing_of(trial_of(exhibits, suspect, access=access), tmp_path)
    with pytest.raises(ModelError, match=sentence):
        hearing.hold()
    assert hearing.findings.status == "stopped"
    assert hearing.findings.victim is not None
    assert hearing.findings.victim.architecture == "mlp"


def test_a_mistake_is_found_before_a_folder_is_made(exhibits: Path, tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match="at least 3 innocents"):
        hearing_of(trial_of(exhibits, innocents=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_innocents_are_trained_on_both_halves(exhibits: Path, tmp_path: Path) -> None:
    stages: list[Milestone] = []
    findings = hearing_of(trial_of(exhibits, innocents=3), tmp_path, stages).hold()
    assert [one.kind for one in findings.innocents] == ["Neg-1", "Neg-2", "Neg-1"]
    assert len({one.sha256 for one in findings.innocents}) == 3
    assert [stage.n_done for stage in stages] == list(range(6))
    assert {stage.n_total for stage in stages} == {6}
    assert stages[2].title == "train innocent 2 of 3"


def test_evidence_is_kept_when_the_endpoint_fails_and_continued_from(
    exhibits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ModelServer(load_model(exhibits / "copy.safetensors"))
    fails = {"after": 3}

    def reply(i: int, body: bytes) -> Reply:
        if i >= fails["after"]:
            return Reply(status=503)
        return Reply(server.answer(body, "json"))

    with scripted(reply) as script:
        endpoint = Endpoint(url=script.url, batch=10, retries=0)
        trial = trial_of(exhibits, endpoint, innocents=3, recipe=Recipe(epochs=8))
        first = hearing_of(trial, tmp_path)
        with pytest.raises(EndpointError, match="found status 503"):
            first.hold()
        found: dict[str, Raw] = first.findings.plain()
        assert (found["status"], found["verdict"]) == ("stopped", None)
        assert "status 503" in found["sentence"]
        assert found["suspect"]["queries"]["images"] == 21
        assert len(found["innocents"]) == 3
        assert found["tests"]["commitment"]

        fails["after"] = 100
        monkeypatch.setattr("arena.world.training.Trainer.train", pytest.fail)
        monkeypatch.setattr(defenses.find("deepjudge"), "protect", pytest.fail)
        second = held(trial, tmp_path)
    server.server_close()
    assert second.status == "judged"
    assert second.tests is not None
    assert second.tests.commitment == found["tests"]["commitment"]
    assert second.meter is not None
    assert second.meter.remembered == 21
    assert second.verdict is not None
    assert second.meter.images == second.verdict.figures["n_blackbox"] + N_ASKED - 20


def test_another_seed_grows_other_tests(exhibits: Path, tmp_path: Path, court: Path) -> None:
    one, other = held(trial_of(exhibits), court), held(trial_of(exhibits, seed=5), tmp_path)
    assert one.tests is not None
    assert other.tests is not None
    assert one.tests.commitment != other.tests.commitment


def test_every_fingerprint_may_judge(exhibits: Path, tmp_path: Path) -> None:
    """Innocents match up to 0.95 of the points of so small a network, so only the order is sure."""
    scheme = PlayerSpec(name="ipguard", settings=dict(defenses.find("ipguard").quick))
    copy, stranger = (
        held(trial_of(exhibits, name, scheme=scheme), tmp_path).verdict
        for name in ("copy", "stranger")
    )
    assert copy is not None
    assert stranger is not None
    assert (copy.name, copy.statistic) == ("MR", 1.0)
    assert copy.p_value < stranger.p_value
    for other in ("adi", "dataset-inference"):  # one marks models, one accuses of using data
        with pytest.raises(RegistryError, match="try adv-tra or akh or cem or deepjudge or"):
            judging_scheme(PlayerSpec(name=other))


def test_data_that_cannot_be_had_is_said(exhibits: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder at"):
        held(trial_of(exhibits, data="folder:nowhere"), tmp_path)
