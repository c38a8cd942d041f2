"""What is referred to is there: no file of somebody's own disk, no code without a legend."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENT = re.compile(r"[\w./-]*\w\.md\b")
CODE = re.compile(r"(?<![\w.-])[AEMW]\d{1,2}(\.\d)?(?![\w.-])")  # of somebody's private numbering
WRITTEN = re.compile(
    r"(runs/judge/)?report\.md|tables/[\w-]+\.md|scenario\.md|(\.\./)?(reference|api)/[\w-]+\.md"
)
"""What the program writes into a person's folder, and docs/generate.py into the site."""
HERE = Path(__file__).relative_to(ROOT)


def texts(*folders: str) -> list[Path]:
    """Return the tracked texts below the folders, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if names.returncode:
        pytest.skip("needs a git checkout: an unpacked archive may hold files of its reader")
    kinds = {".py", ".md", ".toml", ".yaml", ".cff"}
    found = (Path(name) for name in names.stdout.splitlines())
    return [path for path in found if path.suffix in kinds and path != HERE]


def lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate((ROOT / path).read_text().splitlines(), 1))


def test_every_document_that_is_named_is_in_the_repository() -> None:
    """So a reader can open it; a paper is cited by its authors, venue and year."""
    known = {path.name for path in ROOT.glob("*.md")}
    known |= {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    known |= {f"docs/{name}" for name in known}
    paths = texts("arena", "attackers", "defenders", "tests", "benchmarks", "scenarios", "examples")
    named = [
        f"{path}:{number}: {found}"
        for path in [*paths, *texts("docs", "README.md", "CONTRIBUTING.md")]
        for number, line in lines(path)
        for found in DOCUMENT.findall(line)
        if found not in known and not WRITTEN.fullmatch(found)
        if not (ROOT / path.parent / found).is_file()
    ]
    assert named == []


def test_no_code_is_used_that_only_its_author_can_read() -> None:
    used = [
        f"{path}:{number}: {line.strip()}"
        for path in texts("arena", "attackers", "defenders", "scenarios", "docs", "README.md")
        for number, line in lines(path)
        if CODE.search(line)
    ]
    assert used == []
