"""The interface is what its description says, whatever is sent: schemathesis looks for a breach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arena.runs.served.service import CourseService, OpenService, Service
from arena.world.models import Model
from tests.runs.served.conftest import RULES, Course, live

PLENTY = {"budget": 10**7, "per_minute": 10**7, "most_uploads": 10**4}


@pytest.fixture(params=["open", "course"])
def service(request: pytest.FixtureRequest, course: Course, tiny: Model) -> Service:
    if request.param == "open":
        return OpenService(tiny)
    rules = RULES.model_copy(update=PLENTY)
    return CourseService(rules, course.service.victims, course.service.ledger, course.clock)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(service: Service, course: Course, tmp_path: Path) -> None:
    with live(service) as url:
        line = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}openapi.json"]
        line += ["--header", f"Authorization: Bearer {course.tokens['alice']}", "--seed", "1"]
        line += ["--max-examples", "30", "--checks", "all", "--request-timeout", "30"]
        # Which bytes are a PNG, an npy or a model is no matter that a description could say.
        line += ["--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all"]
        done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
