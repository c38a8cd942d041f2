"""`arena verify`: is a suspect derived from the model that a key protects?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from arena.errors import ArenaError
from arena.game.court.verdict import Verdict
from arena.runs.keys.folder import OwnedKey, read_key
from arena.runs.protect.verify import answering_suspect, read_suspect, suspect_of
from arena.runs.protect.verify import verify as ask
from arena.view.console import Console
from arena.view.judge.verdicts import exit_code_of, outcome
from arena.view.protect.passphrase import passphrase_from
from arena.view.protect.words import not_shown, verdict_lines
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models.loaders import LoadedModel
from arena.world.remote.endpoint import Endpoint


@dataclass(frozen=True, kw_only=True)
class Accusation:
    """The command line of `arena verify`."""

    key: Path
    suspect: str
    level: float | None = None
    architecture: str = ""
    access: str = "probabilities"
    headers: tuple[str, ...] = field(default=(), repr=False)
    passphrase_file: Path | None = None
    device: str = "auto"
    as_json: bool = False


def verify(accusation: Accusation) -> int:
    """Verify, print the verdict, and return its exit code.

    Raises:
        KeyFileError: the key cannot be read. ModelError: the suspect cannot.
    """
    owned = read_key(accusation.key, passphrase_from(accusation.passphrase_file))
    loaded = _loaded(accusation, owned)
    suspect = suspect_of(loaded, Compute.choose(accusation.device))
    verdict = ask(owned, suspect, accusation.level)
    level = owned.about.defense.level if accusation.level is None else accusation.level
    console = Console(highlight=False, soft_wrap=True)
    if accusation.as_json:
        console.print_json(data=document(owned, loaded, verdict, level), indent=2)
    else:
        show(owned, verdict, level, console)
    return exit_code_of(verdict)


def _loaded(accusation: Accusation, owned: OwnedKey) -> LoadedModel:
    if "://" not in accusation.suspect:
        return read_suspect(Path(accusation.suspect), accusation.architecture, owned.about)
    if accusation.access not in ("labels", "probabilities"):
        raise ArenaError(
            f"expected --access labels or probabilities, found {accusation.access!r}; "
            "an endpoint shows no more"
        )
    endpoint = Endpoint(
        url=accusation.suspect, headers=tuple(map(Endpoint.parse_header, accusation.headers))
    )
    return answering_suspect(endpoint, owned.about, cast(Output, accusation.access))


def document(
    owned: OwnedKey, loaded: LoadedModel, verdict: Verdict, level: float
) -> dict[str, Json]:
    """Return everything that was found as JSON values."""
    sha256 = "" if loaded.model is None else loaded.model.digest()
    return {
        **verdict.plain(),
        "outcome": outcome(verdict),
        "level": level,
        "not_shown": not_shown(verdict, owned.about.defense),
        "key": {"scheme": owned.about.scheme.plain(), "commitment": owned.about.commitment},
        "suspect": {"architecture": loaded.card.title, "sha256": sha256},
    }


def show(owned: OwnedKey, verdict: Verdict, level: float, console: Console) -> None:
    """Print the verdict and what it does not show."""
    for name, value in verdict_lines(verdict, owned.about, level):
        console.print(f"{name:<12} {value}", markup=False)
    console.print("This does not show:", markup=False)
    for sentence in not_shown(verdict, owned.about.defense):
        console.print(f"  - {sentence}", markup=False)
    console.print(f"Verdict: {outcome(verdict)}", style="bold", markup=False)
