"""What the documentation shows works: pages are played from top to bottom, examples are run."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.view.cli import main
from arena.view.exit_codes import ExitCode

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLOW = {"arena judge", "arena protect", "arena verify", "arena keys", "arena regress"}
"""Commands that take a minute, or need those: they are played by the slow tests."""
ENDS_WELL = {None, ExitCode.DONE, ExitCode.COPY}
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: a file if it has a title, a command, or Python to be executed."""

    language: str
    title: str
    text: str

    @property
    def is_slow(self) -> bool:
        return any(f"$ {command}" in self.text for command in SLOW)

    def play(self, names: dict[str, object]) -> None:
        """Do what a reader would, in the working folder; `names` are those of the blocks above."""
        if self.title:
            Path(self.title).write_text(self.text)
        elif self.language == "python":
            exec(compile(self.text, "a page", "exec"), names)  # noqa: S102 - our own
        elif self.language == "console":
            for line in re.findall(r"^\$ (arena .*)$", self.text, re.MULTILINE):
                sys.argv = shlex.split(line)
                with pytest.raises(SystemExit) as ended:
                    main()
                assert ended.value.code in ENDS_WELL, line


def blocks_of(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text())]


LONG = [page for page in TUTORIALS if any(block.is_slow for block in blocks_of(page))]


def but_slow(paths: Iterable[Path], *slow: str, long: str) -> list[ParameterSet]:
    """Return the paths as parameters: those named are slow tests, and CI plays the long one."""
    marks = {name: [pytest.mark.slow] for name in slow} | {long: [pytest.mark.end_to_end]}
    return [pytest.param(path, id=path.stem, marks=marks.get(path.stem, [])) for path in paths]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own; players that are met in it are forgotten."""
    monkeypatch.setattr(sys, "argv", ["arena"])
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    with attacks.kept(), defenses.kept():
        yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    "page", but_slow(TUTORIALS, "first-defence", "learned-thief", long="first-attack")
)
def test_a_tutorial_can_be_followed(folder: Path, page: Path) -> None:
    blocks = blocks_of(page)
    assert {block.language for block in blocks} >= {"python", "console"}
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        if not block.is_slow:
            block.play(names)


@pytest.mark.slow
@pytest.mark.parametrize("page", LONG, ids=lambda page: page.stem)
def test_its_long_commands_work_too(
    folder: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks_of(page):
        block.play(names)
    assert "Verdict: a copy" in capsys.readouterr().out


@pytest.mark.parametrize(
    "script", but_slow(EXAMPLES, "random_thief", "sweep_strength", long="play_a_match")
)
def test_an_example_runs_and_says_how(
    folder: Path, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"python examples/{script.name}" in script.read_text()
    runpy.run_path(str(script), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 3


LINK = re.compile(r"\]\(([^)#]+)")
NAMED = re.compile(r"`((?:arena|attackers|defenders|tests|docs|scenarios)/[\w./-]+\.\w+)`")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [page for page in PAGES if page.parent.name not in ("reference", "api")]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    """Pages under docs/reference are made from the code, before the site is built."""
    text = page.read_text()
    links = [link for link in LINK.findall(text) if "://" not in link and "reference/" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in NAMED.findall(text) if not (ROOT / path).exists()] == []


@pytest.fixture(scope="module")
def generated() -> Callable[[str], str]:
    """Return what docs/generate.py makes, by the name of its function."""
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return lambda name: str(getattr(module, name)())


def test_the_generated_reference_knows_keys_and_presets(generated: Callable[[str], str]) -> None:
    scenario, presets = generated("scenario_page"), generated("presets_page")
    assert "| `repeats` | `int` | `1` |" in scenario
    assert "| `isolate` | `bool` | `False` | every move in a process of its own |" in scenario
    assert "## whitebox_third\n" in presets
    assert "| `output` | `'weights'` |" in presets
