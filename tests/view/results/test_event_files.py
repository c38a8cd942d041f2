"""The event files, read back with TensorBoard's own reader and compared with the ledger."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from arena.game.rules.threat import METERS
from arena.view.progress.stamps import safe_name
from arena.view.results.event_files import scalars, write_match
from arena.view.results.report import Report
from tests.view.conftest import row


def events(folder: Path) -> EventAccumulator:
    """Return all events of a folder, none left out."""
    every = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(folder), size_guidance=every).Reload()


def boards(played: Path) -> Path:
    return played / "tensorboard" / "small"


def test_every_match_has_a_run_of_its_own_and_there_is_a_summary(
    played: Path, report: Report
) -> None:
    runs = {path.name for path in boards(played).iterdir()}
    assert runs == {"_summary", *(safe_name(title) for title in report.matches)}
    for folder in boards(played).iterdir():
        assert not [path for path in folder.iterdir() if path.is_dir()]  # no child runs


def test_the_tags_are_the_ledger(played: Path, report: Report) -> None:
    columns = {
        "thief/utility": "utility",
        "thief/kept": "kept",
        "owner/rescaled": "rescaled",
        "score/thief_payoff": "payoff",
        "score/owner_payoff": "owner_payoff",
        "cost/multiple_of_training": "cost",
        "cost/move_s": "move_s",
        **{f"meters/{meter}": meter for meter in METERS},
    }
    for title, rows in report.matches.items():
        found = events(boards(played) / safe_name(title))
        judged = [kept for kept in rows if kept.status == "OK"]
        for tag, column in columns.items() if judged else ():
            values = [(point.step, point.value) for point in found.Scalars(tag)]
            expected = [(kept.round, np.float32(getattr(kept, column))) for kept in judged]
            assert values == expected, (title, tag)


def test_p_values_are_drawn_by_their_logarithm(played: Path, report: Report) -> None:
    found = events(boards(played) / "none-vs-none-0")
    (point,) = found.Scalars("owner/log10_p_value")
    assert point.value == pytest.approx(math.log10(report.finals[0].p_value or 0))


@pytest.mark.parametrize(("p_value", "drawn"), [(1.0, 0.0), (1e-20, -20.0), (0.0, -300.0)])
def test_a_p_value_of_zero_can_be_drawn(p_value: float, drawn: float) -> None:
    assert scalars(row("a", "t", p_value=p_value))["owner/log10_p_value"] == pytest.approx(drawn)


def test_what_the_ledger_does_not_know_has_no_tag() -> None:
    assert scalars(row("a", "t", None)) == {}


def test_the_table_of_runs_has_what_defines_a_match_and_how_it_ended(
    played: Path, report: Report
) -> None:
    found = events(boards(played) / "none-vs-tune-0")
    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["owner"].string_value == "none"
    assert hparams["thief"].string_value == "tune"
    assert hparams["moves"].string_value == "ft-ll, ft-al"
    assert hparams["status"].string_value == "OK"
    assert hparams["seed"].number_value == 3
    final = report.matches["none-vs-tune-0"][-1]
    assert found.Scalars("final/payoff")[0].value == np.float32(final.payoff)


def test_reasons_and_failures_can_be_read(played: Path, report: Report) -> None:
    (title,) = (kept.match for kept in report.failed)
    found = events(boards(played) / safe_name(title))
    (text,) = found.Tensors("owner/reason/text_summary")
    assert report.failed[0].message in text.tensor_proto.string_val[0].decode()


def test_the_summary_has_figures_tables_and_the_layout(played: Path) -> None:
    found = events(boards(played) / "_summary")
    tags = found.Tags()
    figures = ("payoff", "rescaled", "utility", "plane", "leaderboard", "roc")
    assert set(tags["images"]) == {f"summary/{name}" for name in figures}
    texts = {"leaderboard/owners", "leaderboard/thieves", "false_alarms", "failed"}
    assert {f"summary/{name}/text_summary" for name in texts} < set(tags["tensors"])
    assert "custom_scalars__config__" in tags["tensors"]
    (image,) = found.Images("summary/payoff")
    assert min(image.width, image.height) > 100


def test_writing_again_leaves_one_set_of_points(tmp_path: Path) -> None:
    rows = [row("a", "t", 0.25)]
    write_match(tmp_path / "one", rows)
    assert len(events(tmp_path / "one").Scalars("score/thief_payoff")) == 1
