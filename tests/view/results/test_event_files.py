"""The event files, read back with TensorBoard's own reader and compared with the ledger."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from arena.game.rules.threat import METERS
from arena.view.progress.stamps import safe_name
from arena.view.results.event_files import scalars, write_owner
from arena.view.results.report import Report
from tests.view.conftest import row


def events(folder: Path) -> EventAccumulator:
    """Return all events of a folder, none left out."""
    every = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(folder), size_guidance=every).Reload()


def boards(played: Path) -> Path:
    return played / "tensorboard" / "small"


def test_every_owner_has_a_run_of_its_own_and_there_is_a_summary(
    played: Path, report: Report
) -> None:
    runs = {path.name for path in boards(played).iterdir()}
    assert runs == {"_summary", *map(safe_name, report.owners)}
    for folder in boards(played).iterdir():
        assert not [path for path in folder.iterdir() if path.is_dir()]  # no child runs


def test_the_tags_are_the_ledger(played: Path, report: Report) -> None:
    columns = {
        "thief/utility": "utility",
        "thief/kept": "kept",
        "owner/rescaled": "rescaled",
        "score/thief_payoff": "payoff",
        "score/owner_payoff": "owner_payoff",
        "spent/multiple_of_training": "cost",
        "spent/move_s": "move_s",
        **{f"meters/{meter}": meter for meter in METERS},
    }
    runs = {owner: events(boards(played) / safe_name(owner)) for owner in report.owners}
    for title, rows in report.matches.items():
        found, thief = runs[rows[0].owner], rows[0].thief
        judged = [kept for kept in rows if kept.status == "OK"]
        for tag, column in columns.items() if judged else ():
            values = [(point.step, point.value) for point in found.Scalars(f"{tag}/{thief}")]
            expected = [(kept.round, np.float32(getattr(kept, column))) for kept in judged]
            assert values == expected, (title, tag)


def test_repeats_are_drawn_by_their_mean(tmp_path: Path) -> None:
    payoffs = (0.25, 0.75, None)
    rows = [[row("a", "t", payoff, repeat=i)] for i, payoff in enumerate(payoffs)]
    write_owner(tmp_path / "a", [*rows, [row("a", "t/u", 1.0)]])
    found = events(tmp_path / "a")
    (point,) = found.Scalars("score/thief_payoff/t")
    assert (point.step, point.value) == (0, 0.5)
    (other,) = found.Scalars(f"score/thief_payoff/{safe_name('t/u')}")
    assert other.value == 1.0


def test_p_values_are_drawn_by_their_logarithm(played: Path, report: Report) -> None:
    found = events(boards(played) / "none")
    (point,) = found.Scalars("owner/log10_p_value/none")
    assert point.value == pytest.approx(math.log10(report.finals[0].p_value or 0))


@pytest.mark.parametrize(("p_value", "drawn"), [(1.0, 0.0), (1e-20, -20.0), (0.0, -300.0)])
def test_a_p_value_of_zero_can_be_drawn(p_value: float, drawn: float) -> None:
    assert scalars(row("a", "t", p_value=p_value))["owner/log10_p_value"] == pytest.approx(drawn)


def test_what_the_ledger_does_not_know_has_no_tag() -> None:
    assert scalars(row("a", "t", None)) == {}


def test_the_table_of_runs_has_what_defines_an_owner_and_how_its_matches_ended(
    played: Path, report: Report
) -> None:
    found = events(boards(played) / safe_name("bits+32"))
    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["owner"].string_value == "bits+32"
    assert hparams["scheme"].string_value == "uchida"
    assert json.loads(hparams["settings"].string_value) == {"n_bits": 32, "strength": 0.3}
    assert hparams["matches"].number_value == 3
    ended = [final.payoff for final in report.finals if final.owner == "bits+32"]
    known = [payoff for payoff in ended if payoff is not None]
    assert found.Scalars("final/thief_payoff")[0].value == np.float32(np.mean(known))


def test_how_matches_ended_is_called_as_the_rounds_are(played: Path) -> None:
    tags = events(boards(played) / "none").Tags()["scalars"]
    ends = {tag.removeprefix("final/") for tag in tags if tag.startswith("final/")}
    assert "multiple_of_training" in ends  # a thief's price; cost is an owner's
    assert ends <= {tag.split("/")[1] for tag in tags if not tag.startswith("final/")}


def test_reasons_and_failures_can_be_read(played: Path, report: Report) -> None:
    (failed,) = report.failed
    found = events(boards(played) / safe_name(failed.owner))
    (text,) = found.Tensors(f"owner/reason/{failed.thief}/text_summary")
    assert failed.message in text.tensor_proto.string_val[0].decode()


def test_the_summary_has_figures_tables_and_the_layout(played: Path) -> None:
    found = events(boards(played) / "_summary")
    tags = found.Tags()
    figures = ("payoff", "rescaled", "utility", "plane", "leaderboard", "roc")
    assert set(tags["images"]) == {f"arena/{name}" for name in figures}
    texts = {"leaderboard/owners", "leaderboard/thieves", "false_alarms", "failed"}
    assert {f"arena/{name}/text_summary" for name in texts} < set(tags["tensors"])
    assert "custom_scalars__config__" in tags["tensors"]
    (image,) = found.Images("arena/payoff")
    assert min(image.width, image.height) > 100


def test_the_groups_that_tensorboard_opens_first_are_the_whole_tournament(played: Path) -> None:
    tags = {tag for run in boards(played).iterdir() for tag in events(run).Tags()["scalars"]}
    groups = {tag.partition("/")[0] for tag in tags}
    assert sorted(groups)[:2] == ["arena", "final"]
    assert {tag for tag in tags if tag.startswith("arena/")} == {"arena/training_loss"}


def test_the_number_of_points_grows_with_the_rounds_and_not_with_the_repeats(
    tmp_path: Path,
) -> None:
    for n in (1, 3):
        write_owner(tmp_path / str(n), [[row("a", "t", 0.25, repeat=i)] for i in range(n)])
        assert len(events(tmp_path / str(n)).Scalars("score/thief_payoff/t")) == 1


def test_victims_show_how_they_learnt_by_the_mean_over_repeats(tmp_path: Path) -> None:
    learnt = {0: (2.0, 1.0, 0.5), 1: (1.0, 0.5)}
    rows = [[row("a", "t", repeat=i, training_losses=losses)] for i, losses in learnt.items()]
    write_owner(tmp_path / "a", [*rows, [row("a", "u", training_losses=learnt[0])]])
    found = events(tmp_path / "a").Scalars("arena/training_loss")
    assert [(point.step, point.value) for point in found] == [(0, 1.5), (1, 0.75), (2, 0.5)]


def test_a_played_victim_has_a_loss_for_each_epoch(played: Path, report: Report) -> None:
    for owner in map(safe_name, report.owners):
        found = events(boards(played) / owner).Scalars("arena/training_loss")
        assert [point.step for point in found] == [0, 1]
        assert all(point.value > 0 for point in found)
    told = [rows[1].training_losses for rows in report.matches.values() if len(rows) > 1]
    assert told == [(), ()]  # the first round of a match says it
