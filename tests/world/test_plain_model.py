from __future__ import annotations

import pytest

from arena.errors import DataError
from arena.world.task import TaskSpec, load_task, plain_model


@pytest.mark.parametrize(
    ("data", "kind"),
    [("digits", "classifier"), ("wine", "classifier"), ("fables", "language"),
     ("captions-digits", "captioner")],
)  # fmt: skip
def test_data_of_every_form_are_read_before_their_model(data: str, kind: str) -> None:
    task = load_task(TaskSpec(data=data, model=plain_model(data)))
    assert task.card.kind == kind


def test_data_that_are_not_there_are_said() -> None:
    with pytest.raises(DataError, match="did you mean 'digits'"):
        plain_model("digitts")
