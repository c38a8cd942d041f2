"""A judgement for people to read: the report's page, and what is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from arena.runs.judge.request import ComparedModel, Findings
from arena.view.judge import verdicts
from arena.view.plain_table import PlainTable
from arena.view.results.markdown import as_text, markdown
from arena.world.json_values import Raw

REPORT, PAGE, RADAR = "report.json", "report.md", "radar.png"


def page(findings: Findings) -> str:
    """Return the report in Markdown."""
    asked = findings.asked
    victim = Path(asked["victim"]).name
    suspect = name_of(findings.asked["suspect"])
    parts = [f"# Is {as_text(suspect)} derived from {as_text(victim)}?"]
    if findings.status != "judged":
        why = f": {as_text(findings.sentence)}" if findings.sentence else ""
        parts.append(f"**Not judged yet ({findings.status}{why}).** What was found so far:")
    if findings.verdict is not None:
        parts += _judged(findings)
    parts.append("## What was compared")
    parts.append(markdown(("what", "is"), [[*row] for row in _facts(findings)]))
    parts.append(
        f"The tests follow from the seed {asked['seed']}: whoever knows it can train a model "
        "against them. Keep this folder private while there are suspects left to judge."
    )
    return "\n\n".join(parts) + "\n"


def _judged(findings: Findings) -> Iterator[str]:
    verdict = findings.verdict
    assert verdict is not None  # noqa: S101 - the caller looked
    yield f"**Verdict: {verdicts.outcome(verdict)}.**"
    yield "\n".join(f"- {name}: {said}" for name, said in _stages(findings).items())
    lines = verdicts.lines_of(verdict)
    if lines:
        yield "## The evidence"
        yield markdown(verdicts.COLUMNS, [line.cells() for line in lines])
        yield f"![how near the suspect is in every metric]({RADAR})"
    silent = verdicts.silent(verdict)
    if silent:
        yield "\n".join(
            f"- {metric} does not apply: {as_text(why)}" for metric, why in silent.items()
        )
    cautions = verdicts.cautions(findings)
    if cautions:
        yield "\n".join(f"- Caution: {as_text(said)}." for said in cautions)


def _stages(findings: Findings) -> dict[str, str]:
    verdict = findings.verdict
    if verdict is None:
        return {}
    return {
        "Consistency": verdicts.consistency(verdict),
        "Provenance": verdicts.provenance(verdict, findings.level),
    }


def name_of(suspect: Raw) -> str:
    """Return what a suspect of `Findings.asked` is called: its URL, or its file."""
    return str(suspect["url"]) if isinstance(suspect, Mapping) else Path(suspect).name


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield what was compared, a name and its value at a time."""
    asked = findings.asked
    yield "victim", f"{Path(asked['victim']).name}: {_model(findings.victim)}"
    if findings.meter is None:
        yield "suspect", f"{name_of(findings.asked['suspect'])}: {_model(findings.suspect)}"
    else:
        meter = findings.meter
        kept = f" ({meter.remembered} more were kept from before)" if meter.remembered else ""
        yield "suspect", name_of(findings.asked["suspect"])
        yield (
            "queries",
            f"{meter.images} images in {meter.requests} requests, {meter.retries} of them "
            f"retries, {meter.seconds:.1f} s{kept}",
        )
    yield "innocents", _innocents(findings)
    if findings.verdict is not None and findings.verdict.reference:
        yield "reference", findings.verdict.reference
    yield "data", str(asked["data"])
    yield "access", str(asked["access"])
    yield "scheme", str(asked["scheme"]["name"])
    if findings.tests is not None:
        yield "commitment", findings.tests.commitment


def _model(model: ComparedModel | None) -> str:
    if model is None:
        return "not read"
    accuracy = "" if model.accuracy is None else f", accuracy {model.accuracy:.3f}"
    return f"{model.architecture}, {model.n_classes} classes{accuracy}"


def _innocents(findings: Findings) -> str:
    known = findings.innocents
    if not known:
        return "none yet"
    rates = [model.accuracy or 0.0 for model in known]
    kinds = [model.kind for model in known]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"{counted}; accuracy {min(rates):.3f} to {max(rates):.3f}"


def show(findings: Findings, out: Path, console: Console) -> None:
    """Print the evidence and the verdict."""
    verdict = findings.verdict
    assert verdict is not None  # noqa: S101 - a trial that was held has one
    for name, value in _facts(findings):
        console.print(f"{name:<10} {value}", markup=False)
    lines = verdicts.lines_of(verdict)
    if lines:
        console.print(PlainTable(verdicts.COLUMNS, [line.cells() for line in lines]))
    for metric, why in verdicts.silent(verdict).items():
        console.print(f"{metric} does not apply: {why}", markup=False)
    for name, said in _stages(findings).items():
        console.print(f"{name + ':':<12} {said}", markup=False)
    for said in verdicts.cautions(findings):
        console.print(f"Caution: {said}", markup=False, style="yellow")
    console.print(f"Verdict: {verdicts.outcome(verdict)}", style="bold", markup=False)
    names = [name for name in (PAGE, REPORT, RADAR) if (out / name).is_file()]
    console.print(f"\n{', '.join(names)} are in {out}", markup=False)
