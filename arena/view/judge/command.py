"""`arena judge`: is a person's suspect derived from the person's victim?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from pydantic import ValidationError

from arena.errors import ArenaError, ScenarioError, did_you_mean
from arena.game.match.steps.step_cache import Setting
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.judge.judge import Hearing, Milestone
from arena.runs.judge.model_files import ModelFile
from arena.runs.judge.request import AccessLevel, Findings, Trial
from arena.runs.scenario_errors import sentences
from arena.view.commands.failures import resumable
from arena.view.commands.overrides import parse_changes
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.judge.files import document, save, set_aside
from arena.view.judge.page import REPORT, show
from arena.view.judge.verdicts import exit_code_of
from arena.view.progress.judge_progress import choose_stages
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import from_json
from arena.world.models.loaders.registry import granted
from arena.world.remote.endpoint import Endpoint
from arena.world.remote.http_format import BatchForm
from arena.world.rng import secret_root
from arena.world.training import Recipe


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How an endpoint is asked, as on the command line."""

    form: str = "json"
    timeout_s: float = 10.0
    retries: int = 3
    per_second: float | None = None
    batch: int = 64
    headers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class Question:
    """The command line of `arena judge`; None is what was not said."""

    victim: Path
    suspect: str
    data: str
    out: Path
    scheme: str
    access: str | None = None
    innocents: str = "24"
    changes: tuple[str, ...] = ()
    quick: bool = False
    epochs: int = 30
    recipe: tuple[str, ...] = ()
    victim_architecture: str = ""
    suspect_architecture: str = ""
    device: str = "auto"
    seed: int | None = None
    data_seed: int = 0
    as_json: bool = False
    asking: Asking = field(default_factory=Asking)


def judge(question: Question) -> int:
    """Judge, save the report, print evidence and verdict, and return the verdict's exit code.

    Raises:
        ArenaError: it cannot be judged. Ended: it was stopped, or ended unexpectedly.
    """
    trial, out = trial_of(question), question.out
    with choose_stages(Console(stderr=True)) as stages:

        def hear(stage: Milestone, findings: Findings) -> None:
            stages.begin(stage)
            save(findings, out)

        hearing = Hearing(trial, out, Setting(cache_folder(), stages.within), hear)
        with resumable(out):
            set_aside(out, hearing.findings.asked)
            try:
                hearing.hold()
            finally:
                save(hearing.findings, out)
    console = Console(highlight=False, soft_wrap=True)
    if question.as_json:
        console.print_json(data=document(hearing.findings), indent=2)
    else:
        show(hearing.findings, out, console)
    verdict = hearing.findings.verdict
    return ExitCode.DONE if verdict is None else exit_code_of(verdict)


def trial_of(question: Question) -> Trial:
    """Return what is to be judged.

    Raises:
        ArenaError: something in the question cannot be meant.
    """
    settings = parse_changes(question.changes)
    if question.quick:
        settings = {**defenses.find(question.scheme).quick, **settings}
    wanted, seed = question.innocents, question.seed
    return Trial(
        victim=ModelFile(question.victim, "victim", question.victim_architecture),
        suspect=_suspect(question),
        data=question.data,
        access=_access(question),
        innocents=int(wanted) if wanted.isdecimal() else Path(wanted),
        scheme=PlayerSpec(name=question.scheme, settings=settings),
        seed=kept_seed(question.out) if seed is None else seed,
        data_seed=question.data_seed,
        recipe=_recipe(question),
        compute=Compute.choose(question.device),
    )


def _recipe(question: Question) -> Recipe:
    """Return how innocents are trained.

    Raises:
        ScenarioError: a field or its value is not one of a recipe.
    """
    changes = {"epochs": question.epochs, **parse_changes(question.recipe, "--recipe")}
    try:
        return Recipe.as_written(changes)
    except ValidationError as error:
        said = sentences(error, "", Recipe)
        raise ScenarioError(f"--recipe: {sentence}" for sentence in said) from error


def _suspect(question: Question) -> ModelFile | Endpoint:
    if "://" not in question.suspect:
        return ModelFile(Path(question.suspect), "suspect", question.suspect_architecture)
    asking = question.asking
    return Endpoint(
        url=question.suspect,
        form=cast(BatchForm, asking.form),  # which the endpoint checks
        timeout_s=asking.timeout_s,
        retries=asking.retries,
        per_second=asking.per_second,
        batch=asking.batch,
        headers=tuple(map(Endpoint.parse_header, asking.headers)),
    )


def _access(question: Question) -> AccessLevel:
    """Return what may be seen: by default what a file grants, the probabilities of a URL."""
    known = get_args(AccessLevel)
    found = question.access
    if found is None:
        found = _granted(question.suspect)
    if found not in known:
        raise ArenaError(f"expected an access level, found {found!r}{did_you_mean(found, known)}")
    return cast(AccessLevel, found)


def _granted(suspect: str) -> str:
    if "://" in suspect:
        return "probabilities"
    there = Path(suspect).exists()  # what is not there is refused where it is read
    return granted(Path(suspect)) if there else "weights"


def kept_seed(out: Path) -> int:
    """Return the seed of the judgement that a folder holds, or a fresh one that nobody can guess.

    The tests follow from it: a suspect trained by someone who knows it proves nothing.
    """
    try:
        return int(from_json((out / REPORT).read_bytes())["asked"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return secret_root()
