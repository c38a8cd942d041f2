"""`arena solve` on the command line: what it prints, what it leaves, how it goes on."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from arena.runs.learn.solution import Solution
from arena.view.learn.solution_words import comparison
from tests.view.conftest import Command, call


@pytest.fixture(scope="module")
def solved(scenario_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a scenario that was solved."""
    out = tmp_path_factory.mktemp("solved") / "small"
    assert call("solve", scenario_file, "--strengths=1", "--jobs=1", f"--out={out}") == 0
    return out


def test_it_leaves_a_solution_a_picture_and_curves(solved: Path) -> None:
    said = json.loads((solved / "solution.json").read_text())
    assert said["converged"]
    last = said["iterations"][-1]
    assert sum(last["owners"].values()) == pytest.approx(1)
    assert sum(last["thieves"].values()) == pytest.approx(1)
    assert set(said["scripted"]) == {"none", "tune", "poor"}
    with Image.open(solved / "figures" / "exploitability.png") as picture:
        assert picture.width > 400
    events = EventAccumulator(str(solved / "tensorboard")).Reload()
    drawn = [event.value for event in events.Scalars("solve/exploitability")]
    assert len(drawn) == len(said["iterations"])
    assert drawn[-1] <= 2 * said["epsilon"]


def test_again_it_computes_nothing_and_says_the_same(
    arena: Command, scenario_file: Path, solved: Path
) -> None:
    before = json.loads((solved / "solution.json").read_text())
    done = arena("solve", scenario_file, "--strengths=1", "--jobs=1", f"--out={solved}")
    assert done.code == 0
    assert {line for line in done.err.splitlines() if "to make" in line} == {
        "small: no steps to make"
    }
    after = json.loads((solved / "solution.json").read_text())
    assert {**after, "seconds": 0} == {**before, "seconds": 0}
    assert "neither side gains more than 0.01" in done.out
    said = done.out.replace(str(solved), "runs/small").splitlines()
    assert max(len(line) for line in said) <= 100  # the width of the tests' terminal


def test_its_folder_is_a_tournaments(arena: Command, solved: Path) -> None:
    assert arena("show", solved).code == 0


def test_a_menu_that_cannot_be_is_refused(arena: Command, scenario_file: Path) -> None:
    done = arena("solve", scenario_file, "--epsilon=0")
    assert done.code == 2
    assert "expected an epsilon from 0.001 to 1, found 0" in done.err


@pytest.mark.parametrize(
    ("worst_case", "said"),
    [
        (0.65, "0.650, 0.150 more than the best scripted thief, good."),
        (0.495, "0.495, no more and no less (by 0.01) than the scripted good."),
        (0.4, "0.400, 0.100 less than the scripted thief good."),
    ],
)
def test_the_mixture_is_compared_with_the_best_script(
    solved: Path, worst_case: float, said: str
) -> None:
    raw = json.loads((solved / "solution.json").read_text())
    del raw["schema"]
    scripted = {"bad": 0.1, "good": 0.5}
    changed = Solution.model_validate({**raw, "worst_case": worst_case, "scripted": scripted})
    assert comparison(changed) == f"In its worst case the mixture of thieves takes {said}"
