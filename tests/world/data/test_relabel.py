import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.world.data import Dataset, Source
from arena.world.data.relabel import is_view, view

N_CLASSES = 6


def numbered(labels: list[int], first: int) -> Dataset:
    rows = torch.arange(first, first + len(labels), dtype=torch.uint8)[:, None]
    return Dataset("made", rows, torch.tensor(labels), tuple("abcdef"))


SOURCE = Source(numbered([0, 1, 2, 3, 4, 5, 5, 0], 0), numbered([5, 4, 3, 2, 1, 0], 100))


@pytest.mark.parametrize(
    ("part", "classes", "train", "labels"),
    [
        ("0-2", "abc", [0, 1, 2, 7], [0, 1, 2, 0]),
        ("0,2,4", "ace", [0, 2, 4, 7], [0, 1, 2, 0]),
        ("5,0", "fa", [0, 5, 6, 7], [1, 0, 0, 1]),
        ("1-2,4-5", "bcef", [1, 2, 4, 5, 6], [0, 1, 2, 3, 3]),
        ("0-5", "abcdef", list(range(8)), [0, 1, 2, 3, 4, 5, 5, 0]),
    ],
)
def test_chosen_classes_keep_their_order_and_are_numbered_anew(
    part: str, classes: str, train: list[int], labels: list[int]
) -> None:
    seen = view(SOURCE, part)
    assert seen.train.classes == tuple(classes)
    assert seen.train.images.flatten().tolist() == train
    assert seen.train.labels.tolist() == labels
    assert seen.train.name == seen.test.name == f"made/{part}"


def test_parity_keeps_every_image() -> None:
    seen = view(SOURCE, "parity")
    assert seen.train.classes == ("even", "odd")
    assert seen.train.labels.tolist() == [0, 1, 0, 1, 0, 1, 1, 0]
    assert seen.test.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert torch.equal(seen.train.images, SOURCE.train.images)


@given(st.lists(st.integers(0, N_CLASSES - 1), min_size=2, unique=True))
def test_every_kept_image_keeps_the_name_of_its_class(chosen: list[int]) -> None:
    seen = view(SOURCE, ",".join(map(str, chosen)))
    for whole, part in ((SOURCE.train, seen.train), (SOURCE.test, seen.test)):
        name_of = dict(zip(whole.images.flatten().tolist(), whole.labels.tolist(), strict=True))
        names = [part.classes[label] for label in part.labels.tolist()]
        assert names == [whole.classes[name_of[row]] for row in part.images.flatten().tolist()]
        assert len(part) == sum(label in chosen for label in whole.labels.tolist())


def test_the_viewed_source_stays_as_it_was() -> None:
    before = SOURCE.train.digest()
    view(SOURCE, "3,1")
    assert SOURCE.train.digest() == before


@pytest.mark.parametrize("part", ["0", "0-4", "0,2,4", "0-1,3", "parity"])
def test_what_reads_like_a_view(part: str) -> None:
    assert is_view(part)


@pytest.mark.parametrize("part", ["", "cats", "0-", "-1", "0,,1", "0-1-2", "Parity", "0 - 1"])
def test_what_does_not(part: str) -> None:
    assert not is_view(part)
