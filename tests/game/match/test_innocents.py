"""Who is innocent of what, and which models a match trains for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from arena import testing
from arena.game.checks import defense_trial
from arena.game.checks.defense import spares_the_innocent
from arena.game.court.verdict import Verdict
from arena.game.match.grants import other_source, training_data
from arena.game.match.play import MatchSpec, Pools
from arena.game.match.reports import Innocents
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.step_cache import MemoryMemo, Setting, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.game.rules.innocents import Accused, Half, is_innocent
from arena.game.rules.keys import Key
from arena.game.sides.defense import Defense, OwnerTask, Protected, StandardOfProof, defense
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Recipe
from arena.world.training.variants import VARIANTS

POOLS = Pools(
    calibration_same=1,
    calibration_other=1,
    calibration_odd=0,
    reporting_same=2,
    reporting_other=1,
    reporting_odd=0,
)


@defense("test-data-claim")
@dataclass(frozen=True, kw_only=True)
class DataClaim(Defense):
    """Accuses whoever has the accuracy on the owner's data that the owner's nulls do not have."""

    reads: ClassVar[Output] = "labels"
    accuses: ClassVar[Accused] = "data"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "nulls"})
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("accuracy", "high")
    protocol: StandardOfProof = "none"
    asked: ClassVar[list[float]] = []

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        seen = [null.half for null in task.nulls()]
        tensors = {"images": task.data.images, "labels": task.data.labels}
        return Protected(task.base(), Key("test-data-claim", "", {"nulls": seen}, tensors))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        found = suspect.labels(key.tensors["images"]) == key.tensors["labels"]
        share = float(found.double().mean())
        self.asked.append(share)
        return Verdict(share > 2, 1.0, share, 2.0, "accuracy", "high", "never")


def spec(scheme: str, pools: Pools = POOLS) -> MatchSpec:
    return testing.match(scheme, "none", pools=pools, task=TaskSpec(recipe=Recipe(epochs=1)))


def halves(steps: tuple[TrainStep, ...]) -> list[Half]:
    return [step.half for step in steps]


@pytest.mark.parametrize(
    ("half", "accused", "innocent"),
    [
        ("owner", "model", True),
        ("owner", "data", False),
        ("owner", "output", True),
        ("other", "data", True),
        ("foreign", "data", True),
    ],
)
def test_neg_1_is_guilty_of_the_owners_data_alone(
    half: Half, accused: Accused, innocent: bool
) -> None:
    assert is_innocent(half, accused) is innocent


def test_a_claim_about_a_model_has_neg_1_and_neg_2_as_innocents() -> None:
    match = spec("uchida")
    assert halves(match.calibration()) == ["owner", "other"]
    assert halves(match.reporting()) == ["owner", "owner", "other"]
    assert match.guilty() == ()


def test_a_claim_about_data_has_neg_3_in_the_place_of_neg_1() -> None:
    match = spec("test-data-claim")
    assert halves(match.calibration()) == ["other", "foreign"]
    assert halves(match.reporting()) == ["other", "foreign", "foreign"]
    assert halves(match.guilty()) == ["owner", "owner"]


def test_odd_innocents_of_a_claim_about_data_saw_the_other_half() -> None:
    odd = POOLS.model_copy(update={"calibration_odd": 3, "reporting_odd": 2})
    model, data = (spec(name, odd) for name in ("uchida", "test-data-claim"))
    assert halves(model.calibration())[2:] == ["owner", "other", "owner"]
    assert halves(data.calibration())[2:] == ["other"] * 3
    assert [step.kind for step in model.reporting()[3:]] == ["1/30 of the steps", "smoothed labels"]


def test_every_variant_is_trained_on_either_half() -> None:
    many = POOLS.model_copy(update={"reporting_odd": 24})
    odd = tuple(step for step in spec("uchida", many).reporting() if step.kind in VARIANTS)
    assert len({(step.kind, step.half) for step in odd}) == 24
    assert halves(odd[:4]) == ["owner", "other"] * 2


def test_further_neg_3_are_innocent_of_everything() -> None:
    more = POOLS.model_copy(update={"reporting_foreign": 1, "architectures": ("mlp",)})
    model, data = (halves(spec(name, more).reporting()) for name in ("uchida", "test-data-claim"))
    assert model == ["owner", "owner", "other", "foreign", "owner"]
    assert data == ["other", "foreign", "foreign", "foreign", "other"]


def test_each_null_says_which_half_it_saw_and_each_verdict_whom_it_is_about() -> None:
    match, memo = spec("test-data-claim"), MemoryMemo()
    key = Key.read(resolve(match.protect(), "key", memo, Setting()))
    assert key.settings["nulls"] == ["other", "foreign"]
    rows = {}
    for name, steps in (("innocent", match.reporting()), ("guilty", match.guilty())):
        step = InnocentsStep(match.protect(), steps, "labels")
        found = Innocents.model_validate(resolve(step, "verdicts", memo, Setting()).data)
        rows[name] = [row.kind for row in found.verdicts]
    assert rows == {"innocent": ["Neg-2", "Neg-3", "Neg-3"], "guilty": ["Neg-1", "Neg-1"]}


def test_no_owner_foresees_which_suspect_is_which() -> None:
    match, memo = (
        spec("test-data-claim", POOLS.model_copy(update={"reporting_same": 8})),
        MemoryMemo(),
    )
    step = InnocentsStep(match.protect(), match.reporting(), "labels")
    DataClaim.asked.clear()
    found = Innocents.model_validate(resolve(step, "verdicts", memo, Setting()).data)
    listed = [row.verdict.statistic for row in found.verdicts]
    assert len(set(listed)) > 1
    assert DataClaim.asked != listed
    assert sorted(DataClaim.asked) == sorted(listed)
    assert [row.kind for row in found.verdicts] == ["Neg-2"] + ["Neg-3"] * 8


@pytest.mark.slow
def test_the_checks_spare_whoever_is_innocent_of_the_claim() -> None:
    trial = defense_trial(DataClaim)
    assert list(trial.suspects) == [
        "the released model",
        "an innocent of the other half of the data",
        "an innocent of another source of data",
        "an innocent of another architecture",
    ]
    assert list(spares_the_innocent(trial)) == []


@pytest.mark.parametrize(
    ("data", "model", "source"),
    [
        ("digits", "cnn8", "shapes"),
        ("digits/0-3", "cnn8", "shapes"),
        ("breast-cancer", "mlp", "breast-cancer, reversed"),
    ],
)
def test_other_data_have_the_form_of_the_tasks_and_are_none_of_them(
    data: str, model: str, source: str
) -> None:
    task = load_task(TaskSpec(data=data, model=model))
    found, other = other_source(task), task.splits.other
    assert found.name == source
    assert found.input_shape == other.input_shape
    assert found.classes == other.classes
    assert len(found) == len(other)
    assert set(found.labels.tolist()) == set(range(other.n_classes))
    own = {row.numpy().tobytes() for row in task.splits.owner.images}
    assert not own & {row.numpy().tobytes() for row in found.images}
    assert found.digest() == other_source(task).digest()


def test_each_half_is_other_data() -> None:
    task = testing.task()
    named: tuple[Half, ...] = ("owner", "other", "foreign")
    assert len({training_data(task, half).digest() for half in named}) == 3
