"""`arena regress`: record what thieves do to a protection, and check that it is not weaker."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import ArenaError, BaselineError
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.rules.threat import preset
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.folder import read_key
from arena.runs.protect.verify import read_victim
from arena.runs.regress.baseline import Baseline, check_replaceable, read_baseline, write_baseline
from arena.runs.regress.cells import Cell, Thief
from arena.runs.regress.check import check, record
from arena.runs.regress.compare import Compared
from arena.runs.regress.memo import KeylessStore
from arena.runs.regress.subject import OwnedSubject, RecipeSubject, Subject
from arena.runs.scenario import read_scenario
from arena.runs.tournament import task_of
from arena.view.commands.overrides import parse_changes
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.plain_table import PlainTable
from arena.view.progress.judge_progress import choose_stages
from arena.view.protect.passphrase import passphrase_from
from arena.view.regress import words
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import Json

USUAL = ("noise deviation=0.5", "noise deviation=1.0", "prune rate=0.9", "ft-al")
"""Thieves where none is named: mild and harsh, so that some leave a part of the mark."""


@dataclass(frozen=True)
class Protection:
    """What is protected, as on the command line; no data are those that the key names."""

    model: Path | None = None
    key: Path | None = None
    recipe: Path | None = None
    data: str = ""
    architecture: str = ""
    passphrase_file: Path | None = None

    def read(self) -> Subject:
        """Return the subject; raises like what it reads.

        Raises:
            BaselineError: neither a model with its key nor a recipe is named, or both are.
        """
        if self.recipe is not None and self.model is None and self.key is None:
            return read_recipe(self.recipe)
        if self.recipe is not None or self.model is None or self.key is None:
            raise BaselineError("expected --model and --key, or --recipe, found neither or both")
        return self.read_owned(self.model, self.key)

    def read_owned(self, model: Path, key: Path) -> OwnedSubject:
        """Return a model with its key; raises like what it reads."""
        owned = read_key(key, passphrase_from(self.passphrase_file))
        victim = read_victim(model, self.architecture, owned.about)
        return OwnedSubject.of(victim, owned, self.data or owned.about.data)


def read_recipe(path: Path) -> RecipeSubject:
    """Return what the one owner of a scenario does.

    Raises:
        ScenarioError: the scenario cannot be played. BaselineError: it has several owners.
    """
    scenario = read_scenario(path)
    matches = list(scenario.matches(task_of(scenario, Compute.choose(scenario.device))))
    owners = list(dict.fromkeys(match.owner for match, _ in matches))
    if len(owners) != 1:
        raise BaselineError(
            f"expected a scenario with one owner, found {', '.join(owners) or 'none'} in {path}; "
            "keep a baseline for each"
        )
    return RecipeSubject(matches[0][0])


@dataclass(frozen=True)
class Thievery:
    """Who attacks, and how often, as on the command line; no seed is that of the subject."""

    thieves: tuple[str, ...] = ()
    threat: str = "whitebox_third"
    seeds: int = 8
    seed: int | None = None

    def read(self) -> list[Thief]:
        """Return the thieves.

        Raises:
            RegistryError: a move or a threat model is not known.
        """
        preset(self.threat)
        return [thief_of(text, self.threat) for text in self.thieves or USUAL]

    def root(self, subject: Subject) -> int:
        """Return the root of the seeds: what was measured of the same subject is looked up."""
        return subject.record(Setting(cache_folder())).root if self.seed is None else self.seed


def thief_of(text: str, threat: str) -> Thief:
    """Return the thief that words name: `prune rate=0.9 + ft-al`.

    Raises:
        RegistryError: there is no such move. ArenaError: the words name none.
    """
    moves = []
    for part in text.split("+"):
        name, *settings = _words(part)
        if not name:
            raise ArenaError(f"expected a move, found {text!r}; try --thief 'prune rate=0.9'")
        move = PlayerSpec(name=name, settings=parse_changes(settings, "--thief"))
        attacks.make(move)
        moves.append(move)
    return Thief(moves=tuple(moves), threat=threat)


def _words(text: str) -> list[str]:
    """Return words as a shell reads them: a single empty one where a quotation does not end."""
    try:
        return shlex.split(text) or [""]
    except ValueError:
        return [""]


def store() -> Memo:
    """Return what keeps measurements for the next time; where nothing can be kept, for this one."""
    folder = cache_folder()
    return MemoryMemo() if folder is None else KeylessStore(folder / "regress")


def record_baseline(path: Path, protection: Protection, thievery: Thievery) -> int:
    """Measure, write the baseline and print it; return the exit code.

    Raises:
        ArenaError: it could not be measured, or written.
    """
    check_replaceable(path)
    made = _recorded(protection.read(), thievery)
    write_baseline(path, made)
    _show(made.cells, path)
    return ExitCode.DONE


def _recorded(subject: Subject, thievery: Thievery) -> Baseline:
    root = thievery.root(subject)
    with choose_stages(Console(stderr=True)) as stages:
        return record(subject, thievery.read(), root, thievery.seeds, store(), stages.begin)


def check_baseline(
    path: Path, protection: Protection, thievery: Thievery, *, update: bool, as_json: bool
) -> int:
    """Measure and compare, print what became of every cell, and return the exit code.

    Raises:
        ArenaError: it could not be measured.
    """
    subject = protection.read()
    if not path.exists():
        made = _recorded(subject, thievery)
        write_baseline(path, made)
        _show(made.cells, path)
        _console().print("There was no baseline: look at this one, commit it, and check again.")
        return ExitCode.FAILED
    baseline = read_baseline(path)
    root = thievery.root(subject)
    others = thievery.read() if thievery.thieves else ()
    with choose_stages(Console(stderr=True)) as stages:
        found = check(baseline, subject, root, store(), stages.begin, others)
    if update:
        write_baseline(path, _updated(baseline, found))
    _report(found, as_json=as_json)
    failed = any(one.status in ("weaker", "missing") for one in found) and not update
    return ExitCode.FAILED if failed else ExitCode.DONE


def _updated(baseline: Baseline, found: Sequence[Compared]) -> Baseline:
    """Return the baseline with what is stronger or new; refuse to accept what is weaker.

    Raises:
        BaselineError: something is weaker.
    """
    weaker = [one.name for one in found if one.status == "weaker"]
    if weaker:
        raise BaselineError(
            f"expected nothing weaker to accept, found {', '.join(weaker)}; mend the mark, or "
            "record a new baseline and say why in the commit"
        )
    for one in found:
        if one.status in ("stronger", "missing") and one.now is not None:
            baseline = baseline.replaced(one.now)
    return baseline


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False)


def _show(cells: Sequence[Cell], path: Path) -> None:
    said = _console()
    rows = [(cell.thief.name, words.value_of(cell), words.caught(cell)) for cell in cells]
    said.print(PlainTable(("thief", "mean (95 %)", "caught"), rows))
    for cell in cells:
        if words.saturated(cell):
            said.print(f"{cell.thief.name}: the mark is whole; a harsher thief shows more")
    said.print(f"{path} is the baseline: it belongs into version control")


def _report(found: Sequence[Compared], *, as_json: bool) -> None:
    said = _console()
    if as_json:
        rows: list[Json] = [{"thief": one.name, **one.plain()} for one in found]
        said.print_json(data={"test": words.TEST, "cells": rows}, indent=2)
        return
    said.print(PlainTable(words.COLUMNS, map(words.row_of, found)))
    said.print(words.TEST)
    worst = [one for one in found if one.status in ("weaker", "missing")]
    for one in worst:
        said.print(f"- {words.sentence_of(one, 'arena regress check --json')}")
    if any(one.status == "stronger" for one in found):
        said.print("Something is stronger: --update accepts it into the baseline.")
    said.print("Protection is weaker." if worst else "Protection held.")
