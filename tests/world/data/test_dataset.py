import dataclasses

import pytest
import torch

from arena.errors import DataError
from arena.world.data import Dataset, Source, concat


def rows(n: int = 6, classes: tuple[str, ...] = ("a", "b", "c"), name: str = "rows") -> Dataset:
    images = torch.arange(n * 2, dtype=torch.uint8).reshape(n, 2)
    return Dataset(name, images, torch.arange(n) % len(classes), classes)


def test_it_says_how_many_of_which_shape_and_how_many_classes() -> None:
    images = torch.zeros(5, 3, 8, 9, dtype=torch.uint8)
    held = Dataset("tiny", images, torch.zeros(5, dtype=torch.int64), ("x", "y"))
    assert (len(held), held.input_shape, held.n_classes) == (5, (3, 8, 9), 2)
    assert repr(held) == "Dataset('tiny', 5 of 3x8x9, 2 classes)"
    assert rows().input_shape == (2,)


def test_select_by_indices_keeps_their_order() -> None:
    chosen = rows().select(torch.tensor([4, 0, 4]))
    assert chosen.images.tolist() == [[8, 9], [0, 1], [8, 9]]
    assert chosen.labels.tolist() == [1, 0, 1]
    assert chosen.classes == ("a", "b", "c")


def test_select_by_mask_keeps_what_is_true() -> None:
    held = rows()
    assert held.select(held.labels == 2).images.tolist() == [[4, 5], [10, 11]]
    assert len(held.select(torch.zeros(6, dtype=torch.bool))) == 0


def test_select_copies_so_that_a_player_cannot_reach_the_original() -> None:
    held = rows()
    held.select(torch.arange(6)).images.zero_()
    assert held.images[1].tolist() == [2, 3]


def test_nothing_can_be_assigned() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows().labels = torch.zeros(6)  # type: ignore[misc]


def test_digest_follows_the_content_and_not_the_name() -> None:
    held = rows()
    assert held.digest() == rows(name="other").digest()
    changed = [
        held.select(torch.tensor([1, 0, 2, 3, 4, 5])),
        held.select(torch.arange(5)),
        dataclasses.replace(held, labels=held.labels.flip(0)),
        dataclasses.replace(held, classes=("a", "b", "z")),
        dataclasses.replace(held, images=held.images.reshape(6, 1, 1, 2)),
    ]
    assert len({held.digest(), *(other.digest() for other in changed)}) == len(changed) + 1


def test_digest_of_a_view_is_that_of_its_values() -> None:
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4, 1).permute(0, 3, 1, 2)
    labels = torch.tensor([0, 1])
    held = Dataset("v", images, labels, ("a", "b"))
    assert held.digest() == Dataset("v", images.contiguous(), labels, ("a", "b")).digest()


def test_an_empty_data_set_is_one() -> None:
    empty = rows().select(torch.tensor([], dtype=torch.int64))
    assert len(empty) == 0
    assert len(empty.digest()) == 64


def test_to_the_same_device_copies_nothing() -> None:
    held = rows()
    moved = held.to("cpu")
    assert moved.images is held.images
    assert moved.digest() == held.digest()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_holds_and_selects_the_same() -> None:
    held = rows()
    moved = held.to("cuda")
    assert moved.images.device.type == moved.labels.device.type == "cuda"
    assert moved.digest() == held.digest()
    assert moved.select(torch.tensor([3, 1])).images.tolist() == [[6, 7], [2, 3]]


def test_concat_puts_parts_one_after_the_other() -> None:
    held = rows()
    joined = concat([held.select(torch.tensor([5])), held.select(torch.tensor([0, 1]))])
    assert joined.images.tolist() == [[10, 11], [0, 1], [2, 3]]
    assert joined.labels.tolist() == [2, 0, 1]


def test_a_source_has_one_set_of_classes_and_one_shape() -> None:
    assert Source(rows(), rows(3)).test.classes == ("a", "b", "c")
    with pytest.raises(DataError, match="the same classes in both parts"):
        Source(rows(), rows(classes=("a", "b")))
