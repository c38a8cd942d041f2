"""The report of a course: figures, tables, and a page that says what was confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.runs.experiment import ExperimentClaim
from arena.runs.scenario import Scenario
from arena.view.figures.experiments import drawn
from arena.view.figures.plots import render
from arena.view.reproduce.claims import Result
from arena.view.reproduce.samples import Measured, findings_of
from arena.view.reproduce.tables import table_of, thresholds
from arena.view.reproduce.victims import over_victims
from arena.view.results.report import Report
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Json, canonical
from arena.world.rng import Rng

PAGE = "report.md"


@dataclass(frozen=True)
class Chapter:
    """One experiment as it was played, and what became of its claims."""

    name: str
    scenario: Scenario
    findings: Measured
    results: Sequence[tuple[ExperimentClaim, Result]]
    failed: Sequence[str]  # matches without a score, with the reason

    @property
    def title(self) -> str:
        """The number and the title."""
        experiment = self.findings.experiment
        return f"{experiment.number}. {experiment.title}"

    @property
    def stem(self) -> str:
        """The name of its files."""
        return f"{self.findings.experiment.number}-{self.name}"


def chapter_of(name: str, scenario: Scenario, report: Report) -> Chapter:
    """Return an experiment's results; its claims are put to their tests.

    Raises:
        ValueError: the scenario has no experiment.
    """
    experiment = scenario.experiment
    if experiment is None:
        raise ValueError(f"expected a scenario with an experiment, {name} has none")
    found = findings_of(experiment, report)
    rng = Rng(scenario.seed).child("claims", experiment.number)
    results = [
        (claim, over_victims(claim, found, rng.child(claim.test, i)))
        for i, claim in enumerate(experiment.claim)
    ]
    failed = [f"{row.match}: {row.status}, {row.message}" for row in report.failed]
    return Chapter(name, scenario, found, results, failed)


def write_chapter(chapter: Chapter, out: Path) -> bytes:
    """Write an experiment's figure and tables; return the figure as PNG."""
    table, stem = table_of(chapter.findings), chapter.stem
    png = render(drawn(chapter.findings))
    write_whole(out / "figures" / f"{stem}.png", png)
    write_whole(out / "tables" / f"{stem}.csv", table.csv().encode())
    text = f"# {chapter.title}\n\n{table.markdown()}\n{thresholds(chapter.findings).markdown()}"
    write_whole(out / "tables" / f"{stem}.md", text.encode())
    return png


def write_page(chapters: Sequence[Chapter], out: Path, command: str) -> None:
    """Write the page on all experiments, and the same as JSON."""
    write_whole(out / PAGE, page(chapters, command).encode())
    write_whole(out / "report.json", canonical([_plain(c) for c in chapters]).encode())


def page(chapters: Sequence[Chapter], command: str) -> str:
    """Return the page as Markdown: our result beside each claim, in words."""
    task = chapters[0].scenario.task
    count = Counter(result.outcome for chapter in chapters for _, result in chapter.results)
    said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(count.items()))
    lines = [
        f"# {task.data} with {task.model}",
        f"Made by `{command}`. Claims: {said or 'none'}. A claim that something always holds is "
        "refuted by one counterexample. On one victim a claim can hold, and nothing about a method "
        "can be confirmed; over several it is tested victim by victim, p-values after Holm at "
        "level 0.05. Shares have exact 95 % intervals. Innocents were never calibrated on.",
        "| experiment | claim | outcome |\n| --- | --- | --- |\n"
        + "\n".join(
            f"| {chapter.title} | {claim.text} | **{result.outcome}** |"
            for chapter in chapters
            for claim, result in chapter.results
        ),
    ]
    for chapter in chapters:
        lines += _section(chapter)
    return "\n\n".join(lines) + "\n"


def _section(chapter: Chapter) -> list[str]:
    lines = [f"## {chapter.title}", chapter.scenario.description]
    for claim, result in chapter.results:
        lines.append(f"> {claim.text}")
        lines.append(f"**{result.outcome.capitalize()}**: {result.because}.")
    lines.append(f"![{chapter.title}](figures/{chapter.stem}.png)")
    lines.append(table_of(chapter.findings).markdown().rstrip())
    lines.append(f"Thresholds: [tables/{chapter.stem}.md](tables/{chapter.stem}.md); the table as ")
    lines[-1] += f"[CSV](tables/{chapter.stem}.csv); every figure: `arena show {chapter.name}`."
    if chapter.failed:
        lines.append("Without a score:\n\n" + "\n".join(f"- {line}" for line in chapter.failed))
    return lines


def _plain(chapter: Chapter) -> dict[str, Json]:
    return {
        "number": chapter.findings.experiment.number,
        "title": chapter.findings.experiment.title,
        "scenario": chapter.name,
        "n_copies": len(chapter.findings.copies),
        "n_innocents": len(chapter.findings.innocents),
        "claims": [
            {"claim": claim.text, "test": claim.test, "outcome": r.outcome, "because": r.because}
            for claim, r in chapter.results
        ],
        "failed": list(chapter.failed),
    }
