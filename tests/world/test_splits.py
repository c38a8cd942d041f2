import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from arena.errors import DataError
from arena.world.data import Dataset, Source, load
from arena.world.rng import Rng
from arena.world.splits import Shares, Splits, split

NAMES = ("owner", "thief", "calibration", "probe", "test")
TRAIN, TEST = NAMES[:3], NAMES[3:]


def numbered(n_of_class: list[int], first: int) -> Dataset:
    """Rows that hold their own number in two bytes, so that each is told from all others."""
    n = sum(n_of_class)
    numbers = torch.arange(first, first + n)
    images = torch.stack([numbers // 256, numbers % 256], dim=1).to(torch.uint8)
    labels = torch.repeat_interleave(torch.arange(len(n_of_class)), torch.tensor(n_of_class))
    return Dataset("made", images, labels, tuple(f"c{index}" for index in range(len(n_of_class))))


def made(train: list[int], test: list[int]) -> Source:
    return Source(numbered(train, 0), numbered(test, sum(train)))


def numbers(part: Dataset) -> list[int]:
    return (part.images[:, 0].int() * 256 + part.images[:, 1].int()).tolist()


def digests(splits: Splits) -> dict[str, str]:
    return {name: getattr(splits, name).digest() for name in NAMES}


sources = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(3, 40), min_size=n, max_size=n),
        st.lists(st.integers(2, 20), min_size=n, max_size=n),
    ).map(lambda sizes: made(*sizes))
)
some_shares = st.builds(
    Shares,
    owner=st.floats(0.05, 0.4),
    thief=st.floats(0.05, 0.3),
    calibration=st.floats(0.05, 0.3),
    probe=st.floats(0.05, 0.95),
)
seeds = st.integers(0, 2**40)


@given(sources, some_shares, seeds)
def test_no_image_is_in_two_splits_nor_twice_in_one(
    source: Source, shares: Shares, seed: int
) -> None:
    splits = split(source, shares, Rng(seed))
    held = [number for name in NAMES for number in numbers(getattr(splits, name))]
    assert len(held) == len(set(held))


@given(sources, seeds)
def test_shares_of_one_leave_no_image_out(source: Source, seed: int) -> None:
    splits = split(source, Shares(), Rng(seed))
    for whole, names in ((source.train, TRAIN), (source.test, TEST)):
        held = [number for name in names for number in numbers(getattr(splits, name))]
        assert sorted(held) == numbers(whole)


@given(sources, some_shares, seeds)
def test_every_split_has_every_class_and_every_image_its_label(
    source: Source, shares: Shares, seed: int
) -> None:
    splits = split(source, shares, Rng(seed))
    label_of = dict(zip(numbers(source.train), source.train.labels.tolist(), strict=True))
    label_of |= dict(zip(numbers(source.test), source.test.labels.tolist(), strict=True))
    for name in NAMES:
        part = getattr(splits, name)
        assert part.labels.unique().tolist() == list(range(source.train.n_classes))
        assert [label_of[number] for number in numbers(part)] == part.labels.tolist()


@given(sources, some_shares, seeds, st.integers(0, 2**30))
def test_the_same_seed_gives_the_same_splits_whatever_the_global_state(
    source: Source, shares: Shares, seed: int, other: int
) -> None:
    before = split(source, shares, Rng(seed, ("data",)))
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(other)
        state = torch.random.get_rng_state()
        after = split(source, shares, Rng(seed, ("data",)))
        assert torch.equal(torch.random.get_rng_state(), state)
    assert digests(before) == digests(after)
    assert before.record == after.record


def test_another_seed_or_stream_gives_other_splits() -> None:
    source = made([30, 30], [20, 20])
    records = [split(source, Shares(), rng).record for rng in (Rng(1), Rng(2), Rng(1, ("x",)))]
    for name in NAMES:
        assert len({record[name]["indices_sha256"] for record in records}) == 3


def test_a_share_of_the_test_part_does_not_move_the_train_part() -> None:
    source = made([30, 30], [20, 20])
    one, two = (split(source, Shares(probe=probe), Rng(1)) for probe in (0.4, 0.6))
    assert one.owner.digest() == two.owner.digest()
    assert one.probe.digest() != two.probe.digest()


def test_the_sizes_are_the_shares() -> None:
    splits = split(made([100, 50], [20, 10]), Shares(), Rng(0))
    assert [len(getattr(splits, name)) for name in NAMES] == [75, 45, 30, 12, 18]
    assert splits.owner.labels.bincount().tolist() == [50, 25]


def test_shares_below_one_leave_the_rest_unused() -> None:
    shares = Shares(owner=0.2, thief=0.2, calibration=0.1)
    splits = split(made([100], [10]), shares, Rng(0))
    assert (len(splits.owner), len(splits.thief), len(splits.calibration)) == (20, 20, 10)


def test_the_other_half_is_the_thiefs_and_the_calibrations() -> None:
    splits = split(made([40, 40], [8, 8]), Shares(), Rng(0))
    assert numbers(splits.other) == numbers(splits.thief) + numbers(splits.calibration)
    assert not set(numbers(splits.other)) & set(numbers(splits.owner))
    assert splits.other is splits.other


def test_the_record_counts_and_names_the_images_of_each_split() -> None:
    splits = split(made([40, 40], [8, 8]), Shares(), Rng(0))
    assert list(splits.record) == list(NAMES)
    for name in NAMES:
        entry = splits.record[name]
        assert entry["n_images"] == len(getattr(splits, name))
        assert len(entry["indices_sha256"]) == 64


def test_the_digits_in_their_usual_shares() -> None:
    splits = split(load("digits"), Shares(), Rng(0))
    assert sum(len(getattr(splits, name)) for name in NAMES) == 1797
    assert splits.owner.labels.bincount().min() > 60


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([9, 2], [9, 9], "class 'c1' of 'made' is too small to cut: expected at least 3 images"),
        ([9, 9], [1, 9], "class 'c0' of 'made' is too small to cut: expected at least 2 images"),
        ([9, 0], [9, 9], "found 0"),
    ],
)
def test_a_class_that_would_vanish_is_refused(
    train: list[int], test: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split(made(train, test), Shares(), Rng(0))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"owner": 0.6}, "owner \\+ thief \\+ calibration of at most 1, found 1.1"),
        ({"owner": 0.0}, "greater than or equal to 0.001"),
        ({"thief": -0.1}, "greater than or equal to 0.001"),
        ({"calibration": 0.0}, "greater than or equal to 0.001"),
        ({"probe": 1.0}, "less than 1"),
        ({"prob": 0.4}, "Extra inputs"),
    ],
)
def test_shares_that_do_not_fit_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Shares(**shares)


def test_shares_that_round_to_one_are_accepted() -> None:
    third = 1 / 3
    assert Shares(owner=third, thief=third, calibration=1 - 2 * third).owner == third
    assert Shares(owner=0.7, thief=0.2, calibration=0.1).plain()["owner"] == 0.7
