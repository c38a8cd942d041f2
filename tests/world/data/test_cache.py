import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from arena.errors import DataError, StoreError
from arena.world.data.cache import through_cache
from arena.world.data.dataset import Dataset, Source


def made(n: int = 6) -> Dataset:
    images = torch.arange(n * 4, dtype=torch.uint8).reshape(n, 1, 2, 2)
    return Dataset("made", images, torch.arange(n) % 3, ("a", "b", "c"))


class Reader:
    """Counts how often it is asked."""

    def __init__(self, content: Source | Dataset) -> None:
        self.content, self.n_calls = content, 0

    def __call__(self) -> Source | Dataset:
        self.n_calls += 1
        return self.content


def the_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_an_undivided_set_is_read_once(tmp_path: Path) -> None:
    reader = Reader(made())
    first = through_cache(tmp_path, "made", "1", reader)
    again = through_cache(tmp_path, "made", "1", reader)
    assert reader.n_calls == 1
    assert isinstance(first, Dataset)
    assert isinstance(again, Dataset)
    assert again.digest() == first.digest()
    assert (again.name, again.classes) == ("made", ("a", "b", "c"))


def test_both_parts_come_back_as_they_were(tmp_path: Path) -> None:
    reader = Reader(Source(made(6), made(3)))
    through_cache(tmp_path, "made", "1", reader)
    again = through_cache(tmp_path, "made", "1", reader)
    assert reader.n_calls == 1
    assert isinstance(again, Source)
    assert (again.train.digest(), again.test.digest()) == (made(6).digest(), made(3).digest())


@pytest.mark.parametrize(("name", "fingerprint"), [("other", "1"), ("made", "2")])
def test_another_name_or_fingerprint_is_another_file(
    tmp_path: Path, name: str, fingerprint: str
) -> None:
    reader = Reader(made())
    through_cache(tmp_path, "made", "1", reader)
    through_cache(tmp_path, name, fingerprint, reader)
    assert reader.n_calls == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_the_file_is_named_so_that_people_know_it(tmp_path: Path) -> None:
    through_cache(tmp_path / "new" / "folder", "folder:/My Pets/", "1", Reader(made()))
    name = the_file(tmp_path / "new" / "folder").name
    assert name.startswith("folder-my-pets-")
    assert name.endswith(".safetensors")


def cut_short(blob: bytes) -> bytes:
    return blob[: len(blob) // 2]


def one_pixel_changed(blob: bytes) -> bytes:
    pixels = bytes(range(24))  # what `made` holds
    assert pixels in blob
    return blob.replace(pixels, bytes([99, *range(1, 24)]))


def a_label_out_of_range(blob: bytes) -> bytes:
    labels = torch.arange(6) % 3
    return blob.replace(labels.numpy().tobytes(), (labels + 7).numpy().tobytes())


@pytest.mark.parametrize(
    "harm", [cut_short, one_pixel_changed, a_label_out_of_range, lambda _: b"", lambda _: b"x" * 99]
)
def test_a_damaged_file_is_noticed_read_anew_and_replaced(
    tmp_path: Path, harm: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(made())
    through_cache(tmp_path, "made", "1", reader)
    path = the_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(harm(whole))
    with caplog.at_level(logging.WARNING):
        found = through_cache(tmp_path, "made", "1", reader)
    assert isinstance(found, Dataset)
    assert found.digest() == made().digest()
    assert reader.n_calls == 2
    assert path.read_bytes() == whole
    assert "is read anew" in caplog.text


def test_a_failed_read_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> Dataset:
        raise DataError("no such thing")

    with pytest.raises(DataError, match="no such thing"):
        through_cache(tmp_path, "made", "1", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        through_cache(tmp_path, "made", "1", Reader(made()))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StoreError, match="expected to write the data cache into"):
        through_cache(tmp_path / "taken", "made", "1", Reader(made()))
