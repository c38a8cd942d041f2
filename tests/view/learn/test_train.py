"""`arena train` on the command line: what it prints, what it leaves, how it refuses."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.view.conftest import Command, call


@pytest.fixture(scope="module")
def learned(scenario_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a thief that learnt for a moment."""
    out = tmp_path_factory.mktemp("learned") / "thief"
    brief = ("--steps=2", "--strengths=1", "--rounds=1", f"--out={out}")
    assert call("train", "thief", scenario_file, *brief) == 0
    return out


def test_it_leaves_json_and_curves_and_nothing_pickled(learned: Path) -> None:
    said = json.loads((learned / "learned.json").read_text())
    assert (said["side"], said["origin"]["algorithm"]) == ("thief", "search")
    events = EventAccumulator(str(learned / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("learning/payoff")] == [1, 2]
    suffixes = {path.suffix for path in learned.rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".zip", ".pt", ".pth"}


def test_it_plays_in_a_scenario(
    arena: Command, scenario_file: Path, learned: Path, tmp_path: Path
) -> None:
    text = scenario_file.read_text() + f'[[thief]]\nname = "it"\nmoves = ["learned:{learned}"]\n'
    (tmp_path / "with.toml").write_text(text)
    done = arena("run", tmp_path / "with.toml", "--dry-run", "--json")
    assert done.code == 0
    (moves, *_) = [m["moves"] for m in json.loads(done.out)["matches"] if m["thief"] == "it"]
    assert len(moves) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "thieve"), "expected thief or owner, found 'thieve'; did you mean 'thief'?"),
        (("train", "thief", "--algorithm=ucb"), "expected an algorithm, found 'ucb'"),
        (("train", "thief", "--like=x"), "no thief of the scenario is called 'x'"),
        (("train", "thief", "--steps=1000000000000"), "'--steps'"),
        (("train", "thief", "--rounds=1000000000000"), "'--rounds'"),
        (("train", "thief", "--strengths=1000000000000"), "'--strengths'"),
        (("train", "thief", "--shaping=nan"), "expected a finite number, found nan"),
    ],
)
def test_what_it_refuses(
    arena: Command, words: tuple[str, ...], said: str, scenario_file: Path, tmp_path: Path
) -> None:
    done = arena(words[0], words[1], scenario_file, *words[2:], f"--out={tmp_path}")
    assert done.code == 2
    assert said in done.err
