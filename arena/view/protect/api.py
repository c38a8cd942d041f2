"""`arena.protect` and `arena.verify`: the commands of that name, on a person's own modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from torch import nn

from arena.errors import ArenaError, did_you_mean
from arena.game.court.verdict import Verdict
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.runs.keys.folder import About, OwnedKey, read_key, write_key
from arena.runs.protect.files import KEY, check_free, owned, write_public
from arena.runs.protect.order import Limits, Order, Protection, Report
from arena.runs.protect.own_module import OwnData, model_of, register, source_of, task_of_own
from arena.runs.protect.protect import protect as carry_out
from arena.runs.protect.verify import answering_suspect, read_suspect, suspect_of
from arena.runs.protect.verify import verify as ask
from arena.view.judge.verdicts import outcome
from arena.view.protect.words import not_shown, report_lines, verdict_lines
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.models.loaders.answers import Ask
from arena.world.remote.endpoint import Endpoint
from arena.world.rng import secret_root
from arena.world.training import Recipe

COMPUTE = Compute()


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What differs from the defaults, by the names of the command line."""

    max_loss: float = 0.02
    p: float = 1e-6
    epochs: tuple[int, ...] = (3, 10, 30)
    lr: float = 1e-3
    innocents: int = 6
    innocent_epochs: int = 30
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    seed: int | None = None
    data_seed: int = 0


@dataclass(frozen=True, repr=False)
class Marked:
    """A protected model: `model` to release, `key` to keep, `report` to read."""

    protection: Protection

    @property
    def model(self) -> nn.Module:
        """Return the protected module, of the class that came in."""
        return self.protection.protected.model.body

    @property
    def key(self) -> OwnedKey:
        """Return the key: show it to nobody."""
        return owned(self.protection)

    @property
    def report(self) -> Report:
        """Return what is known of the mark: p-values, innocents, fidelity, attempts."""
        return self.protection.report

    def save(self, folder: str | Path, passphrase: str = "") -> None:
        """Write `key`, `commitment.json` and `report.json`; the module is yours to save.

        Raises:
            KeyFileError: the folder holds a key already.
        """
        check_free(Path(folder))
        write_key(self.key, Path(folder) / KEY, passphrase)
        write_public(self.report, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(f"{name:<11} {value}" for name, value in report_lines(self.report))


@dataclass(frozen=True, repr=False)
class Verified:
    """A key's verdict on a suspect."""

    verdict: Verdict
    asked: OwnedKey
    level: float

    @property
    def outcome(self) -> str:
        """Return the verdict in words: "a copy", "not shown to be a copy", ..."""
        return outcome(self.verdict)

    @property
    def is_copy(self) -> bool:
        """Return whether the suspect is called derived from the protected model."""
        return self.verdict.is_copy

    @property
    def p_value(self) -> float:
        """Return the verdict's p-value."""
        return self.verdict.p_value

    @property
    def not_shown(self) -> list[str]:
        """Return what the verdict does not show, a sentence each."""
        return not_shown(self.verdict, self.asked.about.defense)

    def __repr__(self) -> str:
        lines = verdict_lines(self.verdict, self.asked.about, self.level)
        return "\n".join([self.outcome, *(f"{name:<12} {value}" for name, value in lines)])


def protect(
    model: nn.Module,
    data: OwnData,
    scheme: str | Mapping[str, Any] = "uchida",
    out: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Marked:
    """Mark a copy of your own classifier, or take its fingerprint, as `arena protect` does.

    Args:
        model: from normalised images to logits; it is not touched.
        data: what it was trained on: by name, as a `Source` or a `Dataset`, or as a pair of images
            (N, C, H, W) and labels (N,).
        scheme: a name, or a table with `scheme` and its settings.
        out: the folder for key, commitment and report; None writes nothing.
        options: further options of the command by name (max_loss, p, epochs, lr, innocents,
            innocent_epochs, seed, data_seed), and the `mean` and `std` that the model expects to be
            taken off images in [0, 1].

    Raises:
        NotTaken: no mark took, with what was tried. ArenaError: it cannot be protected.
    """
    chosen = _options(options or {})
    source = source_of(data, chosen.data_seed)
    own = model_of(model, source.train, chosen.mean, chosen.std)
    order = Order(
        model=own,
        task=task_of_own(source, own.card, chosen.data_seed),
        scheme=_spec(scheme),
        seed=secret_root() if chosen.seed is None else chosen.seed,
        limits=Limits(p_value=chosen.p, max_loss=chosen.max_loss),
        fine_tuning=Recipe(lr=chosen.lr),
        epochs=tuple(chosen.epochs),
        innocents=chosen.innocents,
        training=Recipe(epochs=chosen.innocent_epochs),
    )
    if out is not None:
        check_free(Path(out))
    marked = Marked(carry_out(order, MemoryMemo(), Setting(), lambda stage: None))
    if out is not None:
        marked.save(out)
    return marked


def _options(said: Mapping[str, Any]) -> _Options:
    known = {field.name for field in fields(_Options)}
    for name in said:
        if name not in known:
            raise ArenaError(f"`arena.protect` has no option {name!r}{did_you_mean(name, known)}")
    return replace(_Options(), **said)


def _spec(scheme: str | Mapping[str, Any]) -> PlayerSpec:
    if isinstance(scheme, str):
        return PlayerSpec(name=scheme)
    settings = {name: value for name, value in scheme.items() if name != "scheme"}
    return PlayerSpec(name=str(scheme.get("scheme", "")), settings=settings)


def verify(
    key: OwnedKey | str | Path,
    suspect: nn.Module | Ask | str | Path,
    level: float | None = None,
    passphrase: str = "",
) -> Verified:
    """Ask a key whether a suspect is derived from the model that it protects.

    Args:
        key: of `Marked.key`, or the folder of one.
        suspect: a module for the same images as the protected one, a file, a URL that answers
            probabilities in the arena's wire format, or a function from images (N, C, H, W) in
            [0, 1] to rows (N, classes) or classes (N,).
        level: the p-value at which it is a copy; None is the scheme's own.
        passphrase: opens the key's folder.

    Raises:
        KeyFileError: the key cannot be read. ModelError: the suspect cannot.
    """
    opened = key if isinstance(key, OwnedKey) else read_key(Path(key), passphrase)
    verdict = ask(opened, _suspect(suspect, opened.about), level)
    return Verified(verdict, opened, opened.about.defense.level if level is None else level)


def _suspect(suspect: nn.Module | Ask | str | Path, about: About) -> Suspect:
    if isinstance(suspect, str) and "://" in suspect:
        return suspect_of(answering_suspect(Endpoint(url=suspect), about, "probabilities"), COMPUTE)
    if isinstance(suspect, str | Path):
        return suspect_of(read_suspect(Path(suspect), "", about), COMPUTE)
    if not isinstance(suspect, nn.Module):
        return suspect_of(answering_suspect(suspect, about, "probabilities"), COMPUTE)
    named = about.card.model_copy(update={"architecture": register(suspect), "arguments": {}})
    model = suspect if isinstance(suspect, Model) else Model(named, suspect)
    return Suspect.bare(model.copy().cpu(), COMPUTE)
