"""Every animal of the zoo is rejected, for its own fault and no other, in these very words."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from arena.game.checks import Problem, check_attack, check_defense, load_player
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense

pytestmark = pytest.mark.long

FLIPS = pytest.mark.unsalted("a coin that a defence flips falls as it falls")

ZOO = Path(__file__).parent / "zoo"

ATTACKS = {
    "Honest": (),
    "MutatesTheVictim": (
        "leaves-the-victim-alone: expected the referee's victim unchanged, found other weights; "
        "work on access.model()",
    ),
    "ReturnsTheVictim": (
        "changes-the-model: expected another model than the victim, found it unchanged; "
        "declare control = True",
    ),
    "DeliversNaN": (
        "delivers-what-can-be-judged: expected finite weights, found NaN or infinity in "
        "body.fc2.bias",
    ),
    "ForgetsAClass": (
        "delivers-what-can-be-judged: expected a model of 10 classes, found 9; deliver a model for "
        "the task",
    ),
    "Raises": ("delivers: expected the move to deliver, it raised IndexError: no such layer",),
    "DeliversSomethingElse": (
        "delivers: expected a Deliverable from run, found Model; return Deliverable(model)",
    ),
    "NeverStops": (
        "delivers: expected a trial of at most 1000 images_queried, found more; declare smaller "
        "settings in `quick`",
    ),
    "TrainsOffTheMeter": (
        "spends-on-the-meter: expected every optimiser step on the meter, found 3 of which 0 were "
        "charged; train with access.lab.train",
    ),
    "LooksOffTheMeter": (
        "spends-on-the-meter: expected the images that own models see on the meter, found 8 of "
        "which 0 were charged; use access.lab.logits or .frozen",
    ),
    "ExpectsAllAnswers": (
        "stops-at-its-budget: expected a deliverable or BudgetExceeded on half the budget, found "
        "ValueError: expected as many answers as images",
    ),
    "IgnoresItsBudget": (
        "stops-at-its-budget: expected a deliverable or BudgetExceeded on half the budget, found "
        "RuntimeError: the victim does not answer",
    ),
    "UnderstatesItsNeeds": (
        "asks-for-no-more-than-it-needs: expected `needs` to cover what the move asks for, found: "
        "the weights are not granted (output: 'labels')",
    ),
    "DrawsGlobally": (
        "draws-from-its-rng-alone: expected the global random generators untouched, found draws; "
        "draw from rng alone",
        "plays-the-same-again: expected the same deliverable from the same rng, found another; "
        "draw from rng alone",
    ),
    "FailsTheSecondTime": (
        "plays-on-its-own-suspect: expected the move to be playable twice, the second time it "
        "raised RuntimeError: it was me already",
    ),
    "SaysNothing": (
        "documents-itself: expected a sentence in the first line of the docstring, found 'does a "
        "thing'",
        "documents-itself: expected the headings of a player in the docstring, missing: What, "
        "Threat model, Parameters, Cost, Differences to the paper, Reference, Versions",
        'names-its-paper: expected paper = "authors, venue, year", found none; or declare '
        "control = True",
        "declares-its-needs: expected the class attribute needs = ThreatModel(...), found none",
    ),
    "PositionalFields": (
        "is-a-frozen-dataclass: expected field 'n_layers' to be keyword-only; pass kw_only=True",
    ),
    "TurnsNothing": ("turns-its-dial: expected a dial on one of deviation, found 'strength'",),
    "TurnsInPlace": (
        "turns-its-dial: expected at(0) and at(1) to differ, found TurnsInPlace(deviation=0.1) "
        "twice",
    ),
    "HidesItsSettings": (
        "repr-makes-it-again: expected repr to give {'deviation': 0.01}, found {'deviation': 0.5}",
    ),
    "KeepsInfinity": (
        "repr-makes-it-again: expected an answer, the player raised NameError: name 'inf' is not "
        "defined",
        "settings-travel-as-json: expected settings that JSON can hold, found ValueError: Out of "
        "range float values are not JSON compliant",
    ),
    "MisspellsQuick": (
        "has-valid-quick-settings: expected quick to hold some of deviation, found 'deviaton'",
    ),
}

INNOCENTS = (
    "an innocent of another seed",
    "an innocent of the other half of the data",
    "an innocent of another architecture",
)
STRANGERS = (
    "a suspect of half the classes",
    "a suspect of another input shape",
    "a suspect without convolutions",
    "the released model behind labels alone",
)

DEFENSES = {
    "Honest": (),
    "FlipsACoin": (
        *(
            f"spares-the-innocent: expected {name} not to be called a copy, found: # of the signs "
            "agree"
            for name in INNOCENTS[:2]
        ),
        "judges-by-the-suspect: expected one verdict on the released model whatever the rng, found "
        "both",
    ),
    "ChangesItsMind": (
        "says-the-same-again: expected the same verdict on the released model from the same rng, "
        "found another",
        "keeps-a-key-that-travels: expected the same verdict with the key as it was read back, "
        "found another",
    ),
    "DrawsGlobally": (
        "draws-from-its-rng-alone: expected the global random generators untouched, found draws; "
        "draw from rng alone",
    ),
    "IgnoresTheSuspect": (
        *(
            f"spares-the-innocent: expected {name} not to be called a copy, found: 1.00 of the "
            "signs agree"
            for name in INNOCENTS
        ),
        "looks-at-the-suspect: expected statistics that differ between 4 suspects, found 1 for "
        "all; read the suspect",
    ),
    "NeverAccuses": (
        "recognises-its-own-model: expected the released model to be called a copy, found: 1.00 of "
        "the signs agree",
    ),
    "ReadsTooMuch": (
        "recognises-its-own-model: expected the released model to be called a copy, found: not "
        "verified: verification asks for weights, the scenario grants labels; set verification = "
        '"weights" in the scenario',
        "looks-at-the-suspect: expected statistics that differ between 4 suspects, found 0 for "
        "all; read the suspect",
    ),
    "BreaksOnStrangers": (
        "endures-strange-suspects: expected a Verdict on a suspect of half the classes, verify "
        "raised KeyError: 'fc2'",
    ),
    "AnswersYes": (
        *(
            f"returns-verdicts: expected a Verdict on {name}, found bool"
            for name in ("the released model", *INNOCENTS)
        ),
        *(
            f"endures-strange-suspects: expected a Verdict on {name}, found bool"
            for name in STRANGERS
        ),
    ),
    "InventsProbability": tuple(
        f"returns-verdicts: expected a p-value in [0, 1] on {name}, found 1.5"
        for name in INNOCENTS[:2]
    ),
    "JudgesByFeeling": (
        "returns-verdicts: expected is_copy to follow from p <= 0.01, found True at p = 0.2 on the "
        "released model",
    ),
    "MisnamesItsStatistic": (
        "names-its-statistic: expected verdicts on ('BER', 'low'), found ('signs', 'high')",
    ),
    "DrawsTheLineElsewhere": (
        "agrees-with-its-threshold: expected the verdict to turn at the threshold, found is_copy = "
        "True at 1.00 with the threshold 1.50 on the released model",
    ),
    "MutatesTheSuspect": (
        "leaves-the-suspect-alone: expected the suspect unchanged by verify, found others; use "
        "suspect.model()",
    ),
    "StampsInPlace": (
        "leaves-its-world-alone: expected data and base model unchanged, found them written to; "
        "work on copies",
    ),
    "ClaimsToMark": (
        "is-as-invasive-as-it-says: expected a marked model, found the base model unchanged; "
        "declare invasive = False",
    ),
    "MarksInSecret": (
        "is-as-invasive-as-it-says: expected the model unchanged where invasive = False, found "
        "other weights",
    ),
    "ReleasesNaN": (
        "releases-a-model-of-the-task: expected finite weights, found NaN or infinity in "
        "body.conv1.weight",
    ),
    "ForgetsAClass": (
        "releases-a-model-of-the-task: expected a model of 10 classes, found 9; deliver a model "
        "for the task",
    ),
    "RuinsTheModel": (
        "keeps-the-model-useful: expected a loss of accuracy below 0.10, found # of #",
    ),
    "Raises": ("protects: expected protect to return, it raised IndexError: no such layer",),
    "ReleasesSomethingElse": (
        "protects: expected Protected from protect, found Model; return Protected(model, key)",
    ),
    "NeverStops": (
        "protects: expected a trial of at most 50 models, found more; declare smaller settings in "
        "`quick`",
    ),
    "ForgetsItsSeed": (
        "protects-the-same-again: expected the same key from the same rng, found another; draw "
        "from rng alone",
    ),
    "TrainsAnew": (
        "protects-the-same-again: expected the same model from the same rng, found another; draw "
        "from rng alone",
    ),
    "KeepsATuple": (
        "keeps-a-key-that-travels: expected the same verdict with the key as it was read back, "
        "found another",
    ),
    "RemembersInItsWrapper": (
        "serves-on-from-what-it-wrote-down: expected wrappers that were written down and read back "
        "to answer a client as before, found other answers; keep what they know in client.numbers "
        "and client.tensors",
    ),
    "RederivesAnother": (
        "rederives-its-key: expected rederive to return the committed key, found another",
    ),
    "SaysNothing": (
        "documents-itself: expected a docstring of SaysNothing, found none; start with what the "
        "player does",
        'names-its-paper: expected paper = "authors, venue, year", found none; or declare '
        "control = True",
        'declares-what-it-reads: expected the class attribute reads = "labels" (or more), found '
        "none",
        "is-as-invasive-as-it-says: expected a marked model, found the base model unchanged; "
        "declare invasive = False",
        'names-its-statistic: expected the class attribute statistic = ("BER", "low") or the like, '
        "found none",
        "recognises-its-own-model: expected the released model to be called a copy, found: not "
        "verified: never",
        "looks-at-the-suspect: expected statistics that differ between 4 suspects, found 0 for "
        "all; read the suspect",
    ),
}


def assert_said(found: Sequence[Problem], expected: Sequence[str]) -> None:
    """Compare sentences; `#` in the expected ones stands for a number that training decides."""
    patterns = [re.escape(text).replace(r"\#", r"[01]\.\d\d") for text in expected]
    said = [str(problem) for problem in found]
    assert len(said) == len(patterns), said
    for text, pattern in zip(said, patterns, strict=True):
        assert re.fullmatch(pattern, text)


@pytest.mark.parametrize("name", ATTACKS)
def test_broken_attack(name: str) -> None:
    player = load_player(f"{ZOO / 'broken_attacks.py'}:{name}")
    assert issubclass(player, Attack)
    assert_said(check_attack(player), ATTACKS[name])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=FLIPS if name == "FlipsACoin" else ()) for name in DEFENSES]
)
def test_broken_defense(name: str) -> None:
    player = load_player(f"{ZOO / 'broken_defenses.py'}:{name}")
    assert issubclass(player, Defense)
    assert_said(check_defense(player), DEFENSES[name])


@pytest.mark.parametrize(
    ("file", "table"), [("broken_attacks.py", ATTACKS), ("broken_defenses.py", DEFENSES)]
)
def test_no_animal_is_forgotten(file: str, table: Mapping[str, object]) -> None:
    classes = re.findall(r"^class ([A-Z]\w+)\(", (ZOO / file).read_text(), re.MULTILINE)
    assert set(classes) == set(table)
