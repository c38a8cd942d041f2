"""What is wrong with a scenario whose form is right, each problem with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from arena.errors import ArenaError, DataError, ModelError, RegistryError, did_you_mean
from arena.game.match.play import offered
from arena.game.rules.threat import OF_THE_RULES, Budget, ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.needs import unmet
from arena.runs.experiment import Experiment
from arena.runs.scenario_errors import place, sentences
from arena.world.data import known as known_data
from arena.world.kinds.interface import level
from arena.world.models.registry import architectures

if TYPE_CHECKING:
    from arena.runs.scenario import OwnerTable, Scenario, ThiefTable


def problems_of(scenario: Scenario, text: str) -> Iterator[str]:
    """Yield what is wrong with a scenario whose form is right."""
    yield from _task_problems(scenario, text)
    owners = [owner.title for owner in scenario.owner]
    thieves = [thief.name for thief in scenario.thief]
    for kind, several, names in (("owner", "owners", owners), ("thief", "thieves", thieves)):
        for i, name in enumerate(names):
            if name in names[:i]:
                yield f"{place(text, (kind, i))}two {several} are called {name!r}; give one a name"
    titles = [f"{owner}-vs-{thief}" for owner in owners for thief in thieves]
    for title in (title for title, n in Counter(titles).items() if n > 1):
        yield f"two matches would be called {title!r}; rename an owner or a thief"
    for i, owner in enumerate(scenario.owner):
        yield from _owner_problems(owner, place(text, ("owner", i)))
    for i, thief in enumerate(scenario.thief):
        yield from _thief_problems(thief, owners, place(text, ("thief", i)))
    if scenario.experiment is not None:
        yield from _experiment_problems(scenario.experiment, {*owners, *thieves}, text)


def unplayable(scenario: Scenario, text: str) -> Iterator[str]:
    """Yield what players need that the task does not offer, of a scenario that is right so far."""
    task = place(text, ("task",))
    try:
        offer = offered(scenario.task_spec("cpu", "float32"), scenario.innocents)
        for i, owner in enumerate(scenario.owner):
            for problem in unmet(defenses.make(owner.spec()), offer):
                yield f"{place(text, ('owner', i))}{problem}"
        for i, thief in enumerate(scenario.thief):
            for move in {move.name: move for move in thief.may_play()}.values():
                for problem in unmet(attacks.make(move), offer):
                    yield f"{place(text, ('thief', i))}{problem}"
    except (DataError, ModelError) as error:  # no such folder, or a model that takes other inputs
        yield f"{task}{error}"


def _experiment_problems(experiment: Experiment, players: set[str], text: str) -> Iterator[str]:
    titles = [series.title for series in experiment.series]
    for i, series in enumerate(experiment.series):
        where = place(text, ("experiment", "series", i))
        for name in series.members:
            if name not in players:
                yield f"{where}no player is called {name!r}{did_you_mean(name, players)}"
        if series.degrees and len(series.degrees) != len(series.members):
            yield (
                f"{where}expected a degree for each of {len(series.members)} members, "
                f"found {len(series.degrees)}"
            )
    for i, claim in enumerate(experiment.claim):
        for title in claim.series:
            if title not in titles:
                where = place(text, ("experiment", "claim", i))
                yield f"{where}no series is called {title!r}{did_you_mean(title, titles)}"


def _task_problems(scenario: Scenario, text: str) -> Iterator[str]:
    where = place(text, ("task",))
    names = {info.name for info in known_data()}
    data = scenario.task.data.partition("/")[0]
    if data not in names and not data.startswith(("folder:", "archive:", "text:")):
        yield f"{where}no data set is called {data!r}{did_you_mean(data, names)}"
    model, known_models = scenario.task.model, architectures()
    if model not in known_models and not model.startswith(("torchvision:", "pretrained:")):
        yield f"{where}no model is called {model!r}{did_you_mean(model, known_models)}"
        return
    if model in known_models:
        for argument in scenario.task.arguments:
            if argument not in known_models[model].defaults:
                hint = did_you_mean(argument, known_models[model].defaults)
                yield f"{where}model {model!r} has no argument {argument!r}{hint}"


def _owner_problems(owner: OwnerTable, where: str) -> Iterator[str]:
    try:
        scheme = defenses.make(owner.spec())
    except RegistryError as error:
        yield f"{where}{error}"
        return
    if level(scheme.reads) > level(owner.verification):
        yield (
            f"{where}{owner.scheme!r} verifies by {scheme.reads}, the scenario grants "
            f'{owner.verification}; set verification = "{scheme.reads}"'
        )


def _thief_problems(thief: ThiefTable, owners: list[str], where: str) -> Iterator[str]:
    for name in thief.against:
        if name not in owners:
            yield f"{where}no owner is called {name!r}{did_you_mean(name, owners)}"
    try:
        grants = thief.grants()
    except ValidationError as error:
        root = Budget if error.title == "Budget" else ThreatModel
        yield from (f"{where}{problem}" for problem in sentences(error, "", root))
        return
    except RegistryError as error:
        yield f"{where}{error}"
        return
    known = OF_THE_RULES | ({scheme.exposes for scheme in defenses.classes().values()} - {""})
    for word in sorted(grants.knows - known):
        hint = did_you_mean(word, known)
        yield f"{where}no scheme exposes {word!r} to a thief that knows it{hint}"
    if grants.pool == "*":
        yield f"{where}the threat model leaves the pool open; name a data set in `grant`"
    try:
        moves = thief.may_play()
    except ArenaError as error:
        yield f"{where}{error}"
        return
    for spec in moves:
        try:
            move = attacks.make(spec)
        except ArenaError as error:
            yield f"{where}{error}"
            continue
        lacks = grants.missing(move.needs)
        if lacks:
            yield f"{where}{spec.name!r} needs {'; '.join(lacks)}; grant it in `threat`"
