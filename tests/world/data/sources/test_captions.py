"""Images with captions: the bundled rows of digits, and folders with a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from arena.errors import DataError
from arena.world.data import Dataset, has_captions, input_shape, load
from arena.world.rng import Rng
from arena.world.splits import Shares, split
from arena.world.task import TaskSpec, load_task


def rows(captions: Tensor) -> set[tuple[int, ...]]:
    return {tuple(row) for row in captions.tolist()}


def test_no_row_of_the_test_part_is_in_the_train_part_but_all_its_words_are() -> None:
    source = load("captions-digits")
    train, test = source.train.labels, source.test.labels
    assert rows(train).isdisjoint(rows(test))
    for place in range(4):
        assert set(test[:, place].tolist()) <= set(train[:, place].tolist())


def test_a_caption_reads_what_is_in_the_row() -> None:
    data = load("captions-digits").test
    lengths = (data.labels > 0).sum(1)
    assert torch.equal(torch.bincount(lengths), torch.tensor([0, 250, 250, 250, 250]))
    ink = (data.images > 0).flatten(1).sum(1).double()
    assert float(ink[lengths == 4].mean()) > 3.5 * float(ink[lengths == 1].mean())


def test_splits_keep_the_shares_of_lengths() -> None:
    splits = split(load("captions-digits"), Shares(), Rng(3))
    for part in (splits.owner, splits.thief, splits.calibration, splits.test):
        shares = torch.bincount(part.strata, minlength=5)[1:] / len(part)
        assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.01)


@pytest.fixture
def shelf(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """A folder of eight images with captions of one or two words."""
    lines = []
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(picture(i * 20, size=(12, 8)))
        lines.append({"image": f"{i}.png", "caption": "A dog." if i % 2 else "Cats"})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return tmp_path


def test_a_folder_with_a_list_has_captions(shelf: Path) -> None:
    name = f"folder:{shelf}"
    source = load(name)
    assert has_captions(name)
    assert not has_captions("digits")
    assert input_shape(name) == source.train.input_shape == (1, 8, 12)
    assert source.train.classes == ("", "a", "cats", "dog")
    assert rows(source.train.labels) == rows(source.test.labels) == {(1, 3), (2, 0)}
    assert load(f"{name}?channels=3&resize=8").train.input_shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "in line 1 of"),
        ('{"image": "0.png"}', "in line 1 of"),
        ('{"image": "0.png", "caption": "!"}', "a caption of 1 to 64 words in line 1"),
        ('{"image": "nine.png", "caption": "a"}\n' * 2, "expected an image 'nine.png'"),
        ('{"image": "../0.png", "caption": "a"}\n' * 2, "expected an image '../0.png'"),
        ("", "expected captions of images"),
    ],
    ids=["no json", "no caption", "no words", "no image", "outside", "empty"],
)
def test_a_list_that_cannot_be_meant_is_refused(shelf: Path, line: str, found: str) -> None:
    (shelf / "captions.jsonl").write_text(line)
    with pytest.raises(DataError, match=found):
        load(f"folder:{shelf}")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (TaskSpec(data="digits", model="attend-lstm"), "with captions for a captioner, found cl"),
        (TaskSpec(data="captions-digits"), "with classes for a classifier, found captions"),
    ],
    ids=["classes", "captions"],
)
def test_a_task_of_the_wrong_data_is_refused(spec: TaskSpec, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        load_task(spec)


def test_captions_have_no_views() -> None:
    with pytest.raises(DataError, match="has captions"):
        load("captions-digits/0-4")


def test_labels_are_classes_or_captions() -> None:
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    with pytest.raises(DataError, match=r"captions \(N, T\) of images, found"):
        Dataset("x", images, torch.zeros(2, 1, 1, dtype=torch.int64), ("", "a"))
