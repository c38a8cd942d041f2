"""The front door: each function is a command that returns its results.

What of it `import arena` offers is listed there, once.
Nothing is printed; a tournament or a judgement writes into the folder that `out` names, as the
command of the same name does, and so continues what was begun there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from arena.errors import ArenaError, did_you_mean
from arena.game.court.verdict import Verdict
from arena.game.match.play import MatchSpec, RoundRecord, play_here
from arena.game.match.rows import RoundRow
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.rules.figures import row_of, values
from arena.runs.executors.ray_options import LOCAL
from arena.runs.judge.judge import Hearing
from arena.runs.judge.request import Findings
from arena.runs.scenario import check_scenario, read_scenario
from arena.runs.standings.leaderboard import Side, Standing
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.commands.find_scenario import find_scenario
from arena.view.commands.run_options import Order, game_of
from arena.view.judge import verdicts
from arena.view.judge.command import Question, trial_of
from arena.view.judge.files import save, set_aside
from arena.view.lists.lists import lines_of
from arena.view.protect.api import Marked as Marked
from arena.view.protect.api import Verified as Verified
from arena.view.protect.api import protect as protect
from arena.view.protect.api import verify as verify
from arena.view.results.report import Honesty, Report, read_report
from arena.view.results.rows import Rows as Rows
from arena.view.results.rows import text_of
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.models.loaders import Asked
from arena.world.models.loaders.answers import Ask

Move: TypeAlias = str | Mapping[str, Any]
"""The name of an attack, or a table as in a scenario: `{"move": "prune", "strength": 0.5}`."""
Owner: TypeAlias = str | Mapping[str, Any]
"""The name of a scheme, or a table as in a scenario: `{"scheme": "uchida", "protocol": "none"}`."""
Changes: TypeAlias = Mapping[str, Any]
"""Dotted keys of a scenario and their values, as `--set` takes them: `{"task.model": "mlp"}`."""


@dataclass(frozen=True, repr=False)
class Played:
    """A match that was played: `records` hold everything that is known of each round."""

    match: MatchSpec
    records: tuple[RoundRecord, ...]

    @property
    def rounds(self) -> list[RoundRow]:
        """Return the figures of each round."""
        return [row_of(RoundRow, record) for record in self.records]

    @property
    def final(self) -> RoundRow:
        """Return the figures of the last round, the one that scores."""
        return self.rounds[-1]

    def rows(self) -> Rows:
        """Return the rounds as plain rows: every figure by its name."""
        return Rows(map(values, self.rounds))

    def __repr__(self) -> str:
        shown = ("round", "move", "status", "utility", "payoff", "caught", "p_value", "reason")
        return f"{self.match.title}\n{text_of(self.rounds, shown)}"


@dataclass(frozen=True, repr=False)
class Results:
    """A tournament: `report` holds everything that its ledger says; `out` is its folder."""

    report: Report
    out: Path | None

    @property
    def owners(self) -> Sequence[Standing]:
        """Return the owners' leaderboard, best worst case first."""
        return self.report.standings["owner"]

    @property
    def thieves(self) -> Sequence[Standing]:
        """Return the thieves' leaderboard, best worst case first."""
        return self.report.standings["thief"]

    @property
    def honesty(self) -> Sequence[Honesty]:
        """Return whom each owner accused wrongly, and what its protection cost."""
        return self.report.honesty

    def rows(self) -> Rows:
        """Return every round as a plain row: every figure by its name."""
        return Rows(map(values, self.report.rounds))

    def innocents(self) -> Rows:
        """Return every verdict on an innocent as a plain row."""
        return Rows(map(values, self.report.innocents))

    def __repr__(self) -> str:
        played = f"{len(self.report.finals)} of {self.report.n_matches} matches are played"
        sides: dict[str, Side] = {"owners": "owner", "thieves": "thief"}
        boards = [
            f"{name}, best worst case first: "
            + ", ".join(f"{line.name} {line.worst:.3f}" for line in self.report.standings[side])
            for name, side in sides.items()
        ]
        return "\n".join([f"{self.report.name}: {played}", *boards])


@dataclass(frozen=True, repr=False)
class Judged:
    """A judgement of two models: `findings` hold what was asked, compared and found."""

    findings: Findings

    @property
    def outcome(self) -> str:
        """Return the verdict in words: "a copy", "not shown to be a copy", "the same model"."""
        return verdicts.outcome(self._verdict)

    @property
    def is_copy(self) -> bool:
        """Return whether the suspect is called derived from the victim."""
        return self._verdict.is_copy

    @property
    def p_value(self) -> float:
        """Return the verdict's p-value."""
        return self._verdict.p_value

    @property
    def cautions(self) -> list[str]:
        """Return what speaks against relying on the verdict, a sentence each."""
        return verdicts.cautions(self.findings)

    @property
    def _verdict(self) -> Verdict:
        if self.findings.verdict is None:
            raise ArenaError(f"expected a verdict, found none: {self.findings.sentence}")
        return self.findings.verdict

    def rows(self) -> Rows:
        """Return the evidence: a row for each metric."""
        lines = verdicts.lines_of(self._verdict)
        return Rows(vars(line) for line in lines)

    def __repr__(self) -> str:
        said = f"{self.outcome} (p = {self.p_value:.2g}): {self._verdict.reason}"
        return "\n".join([said, *(f"caution: {caution}" for caution in self.cautions)])


def play(
    owner: Owner,
    thief: Move | Sequence[Move],
    data: str = "digits",
    threat: str | Mapping[str, Any] = "whitebox_few",
    changes: Changes | None = None,
    memo: Memo | None = None,
) -> Played:
    """Play one match in this process.

    Args:
        owner: the scheme that protects.
        thief: its moves, one a round.
        data: what is stolen was trained on.
        threat: what the thief is granted: a preset's name, or a table as in a scenario.
        changes: what else differs from a scenario's defaults, by dotted key.
        memo: keeps what is made, so that the next match need not make it again.

    Raises:
        ScenarioError: it cannot be played, with a sentence for each reason.
    """
    moves = [thief] if isinstance(thief, str | Mapping) else list(thief)
    named = [move if isinstance(move, str) else str(move.get("move", "")) for move in moves]
    raw = {
        "name": "play",
        "task": {"data": data},
        "owner": [{"scheme": owner} if isinstance(owner, str) else dict(owner)],
        "thief": [{"name": "+".join(named), "moves": moves, "threat": threat}],
    }
    scenario = check_scenario(raw, Path.cwd(), changes)
    ((match, _), *_) = scenario.matches(task_of(scenario, Compute.choose(scenario.device)))
    kept = MemoryMemo() if memo is None else memo
    cell = scenario.limits.cell() if scenario.isolate else None
    setting = Setting(cache_folder(), cell=cell)
    return Played(match, tuple(play_here(match, scenario.agent(match.thief), kept, setting)))


def tournament(
    scenario: str | Path = "quickstart",
    out: str | Path | None = None,
    jobs: int | None = None,
    changes: Changes | None = None,
    executor: str = LOCAL,
) -> Results:
    """Play a tournament, or continue the one that a folder holds.

    Args:
        scenario: the name of one that ships, or a TOML file.
        out: the folder of its results; None plays in one that is gone afterwards.
        jobs: steps at a time; with more than one, guard your script by `__name__ == "__main__"`.
            None is one on this machine, and as many as a cluster holds.
        changes: what differs from the file, by dotted key: seed, repeats, device, task ...
        executor: who makes the steps: `local`, or a Ray cluster as `ray` or `ray://HOST:PORT`.

    Raises:
        ScenarioError: it cannot be played, with a sentence for each reason. ExecutorError: there is
            no such cluster.
    """
    order = Order(str(scenario), jobs=jobs or (1 if executor == LOCAL else None), executor=executor)
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            return Results(_played(order, Path(folder), changes), None)
    Path(out).mkdir(parents=True, exist_ok=True)
    return Results(_played(order, Path(out), changes), Path(out))


def _played(order: Order, out: Path, changes: Changes | None) -> Report:
    path = find_scenario(order.scenario)
    read = read_scenario(path, changes)
    game = game_of(read, path, order, out)
    store, ledger = open_folder(out)
    with closing(ledger), game.executor(store, lambda *_: None) as executor:
        task = task_of(read, game.compute, game.secret)
        Tournament(read, task, store, ledger, lambda event: None).run(executor)
        return read_report(ledger)


def judge(
    victim: str | Path,
    suspect: str | Path | Ask,
    data: str,
    out: str | Path = "runs/judge",
    scheme: str = "deepjudge",
    options: Mapping[str, object] | None = None,
) -> Judged:
    """Judge whether a suspect is derived from a victim, as `arena judge` does.

    Args:
        victim: the file of your model.
        suspect: the file of the model under suspicion, or the URL where it answers, or a function
            from images (N, *input_shape) in [0, 1] to rows (N, C) or classes (N,).
        data: what your model was trained on.
        out: the folder of the report; run again, it continues.
        scheme: the fingerprint that judges.
        options: further options of the command by name: access, innocents, quick, epochs, seed ...

    Raises:
        ArenaError: it cannot be judged, with a sentence.
    """
    known = {field.name for field in fields(Question)}
    for name in options or {}:
        if name not in known:
            raise ArenaError(f"`arena judge` has no option {name!r}{did_you_mean(name, known)}")
    named = "" if callable(suspect) else str(suspect)
    question = Question(victim=Path(victim), suspect=named, data=data, out=Path(out), scheme=scheme)
    if callable(suspect):
        question = replace(question, access="probabilities")
    question = replace(question, **(options or {}))  # type: ignore[arg-type]
    trial, folder = trial_of(question), question.out
    if callable(suspect):
        trial = replace(trial, suspect=Asked(suspect))
    hearing = Hearing(trial, folder, Setting(cache_folder()), lambda *_: None)
    set_aside(folder, hearing.findings.asked)
    try:
        hearing.hold()
    finally:
        save(hearing.findings, folder)
    return Judged(hearing.findings)


def _listed(kind: str) -> Rows:
    lines = lines_of(kind)
    return Rows(dict(zip(lines.columns, row, strict=True)) for row in lines.rows)


def list_attackers() -> Rows:
    """Return every attack that a thief can play: what it does, needs, and by what it is turned."""
    return _listed("attackers")


def list_defenders() -> Rows:
    """Return every scheme that an owner can protect with: what it does, and what it reads."""
    return _listed("defenders")


def list_scenarios() -> Rows:
    """Return every scenario that ships."""
    return _listed("scenarios")


def list_data() -> Rows:
    """Return every data set that can be named."""
    return _listed("data")


def list_models() -> Rows:
    """Return every architecture that can be named, with its arguments."""
    return _listed("models")


def list_threats() -> Rows:
    """Return every preset of a threat model, and what it grants."""
    return _listed("threats")
