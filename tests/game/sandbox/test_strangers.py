"""Players of a stranger's file: what the arena knows of them, and what they can see."""

from __future__ import annotations

import sys
from ast import literal_eval
from pathlib import Path

import pytest
import torch

from arena.errors import PlayerError, RegistryError
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.admit import admit
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.players_file import (
    _MOST_READERS,
    PlayersFile,
    _readers,
    read_players_file,
)
from arena.game.sandbox.stranger_attack import StrangerAttack
from arena.game.sides.access import Access
from arena.game.sides.attack import attacks
from arena.game.sides.defense import OwnerTask, defenses
from arena.game.sides.description import describe
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Recipe

from .conftest import needs_sandbox

pytestmark = needs_sandbox


def test_a_strangers_file_is_described_and_never_imported(strangers: PlayersFile) -> None:
    assert "strangers_file" not in sys.modules
    assert [traits.name for traits in strangers.traits] == [
        "stranger-scales",
        "stranger-looks",
        "stranger-stamp",
    ]
    found = attacks.find("stranger-scales")
    assert found.summary() == "Scales every weight."
    assert found.needs.output == "weights"


def test_settings_and_strength_are_checked_by_its_own_class(strangers: PlayersFile) -> None:
    made = attacks.make(PlayerSpec(name="stranger-scales"))
    assert made.settings() == {"factor": 0.5}
    assert made.at(0.25).settings() == {"factor": 0.75}
    with pytest.raises(RegistryError, match="has no setting 'factr'; did you mean 'factor'"):
        attacks.make(PlayerSpec(name="stranger-scales", settings={"factr": 1}))


@pytest.fixture(scope="module")
def victim() -> Model:
    """A model that nobody trained."""
    card = ModelCard(
        architecture="softmax", n_classes=10, input_shape=(1, 8, 8), mean=(0.5,), std=(0.5,)
    )
    return build(card, Rng(1))


def access_to(victim: Model) -> Access:
    grants = ThreatModel(output="weights")
    gate = Gatekeeper(grants=grants, victim=victim, meters=Meters(), compute=Compute())
    return Access(gate.answer, grants, victim.card, Compute())


def test_a_move_is_made_elsewhere_and_its_model_comes_back(
    strangers: PlayersFile, victim: Model
) -> None:
    attack = attacks.make(PlayerSpec(name="stranger-scales"))
    model = attack.run(access_to(victim), Rng(1)).model
    assert model is not None
    for found, own in zip(model.parameters(), victim.parameters(), strict=True):
        assert torch.equal(found, own * 0.5)


def test_nothing_of_the_machine_is_in_view(
    strangers: PlayersFile, victim: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert strangers.path is not None
    monkeypatch.setenv("ARENA_SECRET", str(strangers.path))
    settings = {"secret": str(strangers.path)}
    attack = attacks.make(PlayerSpec(name="stranger-looks", settings=settings))
    with pytest.raises(PlayerError, match="RuntimeError") as said:
        attack.run(access_to(victim), Rng(1, ("thief",)).alone())
    told = str(said.value).partition("RuntimeError: ")[2].rpartition(" (strangers_file.py")[0]
    seen = literal_eval(told)
    assert "ARENA_SECRET" not in seen["env"]
    assert {name: seen[name] for name in ("secret", "here", "digits", "path", "planted")} == {
        "secret": False,  # in no process's environment
        "here": False,
        "digits": [],
        "path": [],
        "planted": [],
    }


@pytest.mark.end_to_end
@pytest.mark.unsalted("nothing of the environment goes into a sandbox")
def test_an_owner_works_elsewhere_and_every_suspect_has_a_fresh_process(
    strangers: PlayersFile, victim: Model
) -> None:
    scheme = defenses.make(PlayerSpec(name="stranger-stamp"))
    assert (scheme.level, scheme.protocol) == (0.01, "none")
    data = Dataset(
        "d", torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 10, tuple("0123456789")
    )
    meters = Meters()
    task = OwnerTask(
        data=data,
        probe=data,
        card=victim.card,
        recipe=Recipe(epochs=1, batch=10),
        lab=Lab(Compute(), meters),
        train_rng=Rng(3, ("victim",)),
        unprotected=victim,
        exam=data.select(torch.arange(7)),
    )
    protected = scheme.protect(task, Rng(3, ("owner",)))
    assert protected.key.settings["exam"] == 7
    assert torch.equal(
        next(iter(protected.model.state_dict().values())), protected.key.tensors["w"]
    )
    assert torch.equal(next(iter(task.trained().state_dict().values())), protected.key.tensors["w"])
    assert meters.reading().steps == 4  # two here, two there
    suspect = Suspect.bare(protected.model, Compute())
    for _ in range(2):
        verdict = scheme.verify(protected.key, suspect, Rng(3, ("owner", "innocent", "0")))
        assert (verdict.is_copy, verdict.figures) == (True, {"n": 3, "path": []})


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import sys\nsys.exit(0)", "ended the program"),
        ("def (", "SyntaxError"),
        ("while True: pass", "took longer than 6 s"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, source: str, sentence: str
) -> None:
    path = tmp_path / "bad_players.py"
    path.write_text(source)
    with pytest.raises(RegistryError, match=f"bad_players.py cannot be read: .*{sentence}"):
        read_players_file(path, Cell(wall_s=120 if "True" not in source else 6))


SWARM = """
import threading, time
threading.stack_size(32768)
for _ in range(3000):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)
"""


def test_a_file_that_takes_too_many_threads_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "swarm_players.py"
    path.write_text(SWARM)
    with pytest.raises(RegistryError, match=r"more than 512 threads|can't start new thread"):
        read_players_file(path, Cell(wall_s=50))


def test_of_many_files_few_processes_wait_for_questions(tmp_path: Path) -> None:
    for number in range(_MOST_READERS + 2):
        path = tmp_path / f"many_players_{number}.py"
        path.write_text(MINE.replace("trusted-or-not", f"many-{number}"))
        read_players_file(path, Cell(wall_s=120))
        assert len(_readers) <= _MOST_READERS
    assert read_players_file(tmp_path / "many_players_0.py", Cell()).traits[0].name == "many-0"


MINE = '''
from dataclasses import dataclass
from arena.game.sides.attack import Attack, attack

@attack("trusted-or-not")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Does nothing."""
'''


def test_a_file_may_be_trusted_after_it_was_not_and_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "trusted_or_not.py"
    path.write_text(MINE)
    for trusted in (False, True, False, True):
        admit(path, Cell(), trusted=trusted)
        stands_in = issubclass(attacks.find("trusted-or-not"), StrangerAttack)
        assert stands_in is not trusted


def test_two_files_cannot_hold_players_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice.py").write_text(MINE.replace("trusted-or-not", "named-twice"))
    admit(tmp_path / "one" / "twice.py", Cell())
    with pytest.raises(RegistryError, match=r"'named-twice' is taken by Mine of twice\.py"):
        admit(tmp_path / "two" / "twice.py", Cell())


def test_a_stranger_can_be_described_like_any_other(strangers: PlayersFile) -> None:
    assert strangers.path is not None
    for player in (attacks.find("stranger-looks"), defenses.find("stranger-stamp")):
        assert describe(player).summary == player.summary()
