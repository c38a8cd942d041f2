"""`arena protect`: a person's own model is marked or fingerprinted, and the key is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arena.errors import ArenaError
from arena.game.match.steps.step_cache import Setting
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.judge.model_files import ModelFile, load_exhibit
from arena.runs.protect.files import (
    COMMITMENT,
    KEY,
    REPORT,
    check_format,
    check_free,
    write_protection,
)
from arena.runs.protect.order import Limits, Order, Protection
from arena.runs.protect.protect import protect as carry_out
from arena.runs.store import ARTEFACTS, Store
from arena.view.commands.failures import resumable
from arena.view.commands.overrides import parse_changes
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.progress.judge_progress import choose_stages
from arena.view.protect.passphrase import passphrase_from
from arena.view.protect.words import report_lines
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.models import Model
from arena.world.rng import secret_root
from arena.world.task import Task, TaskSpec, load_task, plain_model
from arena.world.training import Recipe


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command line of `arena protect`."""

    model: Path
    data: str
    out: Path
    scheme: str = "uchida"
    changes: tuple[str, ...] = ()
    max_loss: float = 0.02
    p: float = 1e-6
    epochs: str = "3,10,30"
    lr: float = 1e-3
    innocents: int = 6
    innocent_epochs: int = 30
    architecture: str = ""
    passphrase_file: Path | None = None
    device: str = "auto"
    seed: int | None = None
    data_seed: int = 0
    as_json: bool = False


def protect(wish: Wish) -> int:
    """Protect, write model, key, commitment and report, print them, and return the exit code.

    Raises:
        ArenaError: it cannot be protected. NotTaken: no mark took; nothing was written.
    """
    check_free(wish.out)
    passphrase = passphrase_from(wish.passphrase_file)
    order = order_of(wish)
    memo = Store(wish.out / ARTEFACTS)
    with choose_stages(Console(stderr=True)) as stages, resumable(wish.out):
        setting = Setting(cache_folder(), stages.within)
        made = carry_out(order, memo, setting, stages.begin)
    path = write_protection(made, wish.model, wish.out, passphrase)
    console = Console(highlight=False, soft_wrap=True)
    if wish.as_json:
        console.print_json(data=made.report.plain(), indent=2)
    else:
        show(made, path, wish.out, console)
    return ExitCode.DONE


def order_of(wish: Wish) -> Order:
    """Return what is to be done.

    Raises:
        ArenaError: something in the wish cannot be meant. ValidationError: a number is beyond the
            bounds of limits or of a recipe.
    """
    limits = Limits(p_value=wish.p, max_loss=wish.max_loss)
    fine_tuning, training = Recipe(lr=wish.lr), Recipe(epochs=wish.innocent_epochs)
    epochs = _numbers(wish.epochs)
    spec = PlayerSpec(name=wish.scheme, settings=parse_changes(wish.changes))
    defenses.make(spec)
    ModelFile(wish.model).check()
    model, task = read_own(wish)
    check_format(wish.model)
    seed = secret_root() if wish.seed is None else wish.seed
    return Order(
        model=model,
        task=task,
        scheme=spec,
        seed=seed,
        limits=limits,
        fine_tuning=fine_tuning,
        epochs=epochs,
        innocents=wish.innocents,
        training=training,
    )


def read_own(wish: Wish) -> tuple[Model, Task]:
    """Return the model, and its task: the data and how models are measured on them.

    Raises:
        ModelError: the model cannot be read. DataError: the data cannot be had.
    """
    compute = Compute.choose(wish.device)
    spec = TaskSpec(
        data=wish.data,
        model=plain_model(wish.data),
        seed=wish.data_seed,
        device="cuda" if compute.device == "cuda" else "cpu",
        precision=compute.precision,
    )
    data = load_task(spec, cache_folder())
    model = load_exhibit(ModelFile(wish.model, "model", wish.architecture), data)
    named = {"model": model.card.architecture, "arguments": model.card.arguments}
    return model, load_task(spec.model_copy(update=named), cache_folder())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ArenaError(f"expected --epochs like 3,10,30, found {text!r}") from error
    if min(numbers) < 1:
        raise ArenaError(f"expected --epochs of at least 1, found {text!r}")
    Recipe(epochs=max(numbers))  # has an upper bound
    return numbers


def show(made: Protection, path: Path, out: Path, console: Console) -> None:
    """Print what came of it, and where it lies."""
    for name, value in report_lines(made.report):
        console.print(f"{name:<11} {value}", markup=False)
    console.print(f"\n{path} is the model to release", markup=False)
    console.print(f"{out / KEY} is the key: keep it, and show it to nobody", markup=False)
    console.print(f"{out / COMMITMENT} may be published; {out / REPORT} says it all", markup=False)
