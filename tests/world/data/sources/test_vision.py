import importlib
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from arena.errors import DataError
from arena.world.data import load
from arena.world.data.sources import vision
from arena.world.data.sources.vision import read_vision

N_TRAIN, N_TEST = 20, 10


class Grey:
    """Stands for MNIST and its kin: tensors (N, H, W)."""

    classes: ClassVar = [f"{digit} - it" for digit in range(10)]
    asked: ClassVar[list[tuple[str, bool, bool]]] = []

    def __init__(self, root: str, train: bool, download: bool) -> None:
        self.asked.append((root, train, download))
        n = N_TRAIN if train else N_TEST
        self.data = torch.arange(n * 4, dtype=torch.uint8).reshape(n, 2, 2)
        self.targets = torch.arange(n) % 10


class Colour:
    """Stands for CIFAR: an array (N, H, W, C) and a list of labels."""

    classes: ClassVar = [f"class {index}" for index in range(10)]

    def __init__(self, root: str, train: bool, download: bool) -> None:
        n = N_TRAIN if train else N_TEST
        self.data = np.arange(n * 2 * 5 * 3, dtype=np.uint8).reshape(n, 2, 5, 3)
        self.targets = [index % 10 for index in range(n)]


class House:
    """Stands for SVHN: an array (N, C, H, W), named splits and no class names."""

    def __init__(self, root: str, split: str, download: bool) -> None:
        n = {"train": N_TRAIN, "test": N_TEST}[split]
        self.data = np.zeros((n, 3, 2, 5), dtype=np.uint8)
        self.labels = np.arange(n) % 10


class Offline:
    def __init__(self, root: str, train: bool, download: bool) -> None:
        raise RuntimeError("Error downloading it:\nTried a mirror, got:\nthe mirror is asleep\n")


class NoNetwork:
    def __init__(self, root: str, train: bool, download: bool) -> None:
        raise OSError("no route to host") if download else RuntimeError("Dataset not found")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put classes of our own in the place of torchvision's."""
    Grey.asked.clear()

    def put(**kinds: type) -> None:
        module = types.SimpleNamespace(**kinds)
        monkeypatch.setattr(importlib, "import_module", lambda _: module)

    return put


def test_grey_images_get_one_channel(fake: Any, tmp_path: Path) -> None:
    fake(MNIST=Grey)
    source = read_vision("mnist", tmp_path)
    assert source.train.images.shape == (N_TRAIN, 1, 2, 2)
    assert source.test.images[1, 0].tolist() == [[4, 5], [6, 7]]
    assert source.test.labels.tolist() == list(range(10))
    assert source.train.classes == tuple("0123456789")


def test_classes_have_the_names_that_torchvision_gives_them(fake: Any, tmp_path: Path) -> None:
    fake(KMNIST=Grey)
    assert read_vision("kmnist", tmp_path).train.classes[3] == "3 - it"


def test_colour_images_put_channels_first(fake: Any, tmp_path: Path) -> None:
    fake(CIFAR10=Colour)
    source = read_vision("cifar10", tmp_path)
    assert source.train.images.shape == (N_TRAIN, 3, 2, 5)
    assert source.train.images[0, :, 0, 1].tolist() == [3, 4, 5]
    assert source.train.images.is_contiguous()


def test_house_numbers_have_splits_and_digits_for_classes(fake: Any, tmp_path: Path) -> None:
    fake(SVHN=House)
    source = read_vision("svhn", tmp_path)
    assert (len(source.train), len(source.test)) == (N_TRAIN, N_TEST)
    assert source.train.input_shape == (3, 2, 5)
    assert source.train.classes == tuple("0123456789")


def test_downloads_go_into_the_cache_that_was_given(fake: Any, tmp_path: Path) -> None:
    fake(MNIST=Grey)
    load("mnist", cache=tmp_path)
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["mnist"]
    assert [(train, download) for _, train, download in Grey.asked] == [(True, True), (False, True)]


def test_what_was_downloaded_is_read_where_it_was_put(fake: Any, tmp_path: Path) -> None:
    fake(MNIST=Grey)
    before = read_vision("mnist", tmp_path)
    Grey.asked.clear()
    after = read_vision("mnist", tmp_path)
    assert Grey.asked == [(str(tmp_path / "mnist"), part, False) for part in (True, False)]
    assert after.test.digest() == before.test.digest()


def test_a_download_that_another_worker_ends_first_is_dropped(fake: Any, tmp_path: Path) -> None:
    class Slow(Grey):
        def __init__(self, root: str, train: bool, download: bool) -> None:
            super().__init__(root, train, download)
            (Path(root) / "mine").write_bytes(b"")
            (tmp_path / "mnist").mkdir(exist_ok=True)
            (tmp_path / "mnist" / "theirs").write_bytes(b"")

    fake(MNIST=Slow)
    assert len(read_vision("mnist", tmp_path).train) == N_TRAIN
    assert [path.name for path in tmp_path.rglob("*")] == ["mnist", "theirs"]


def test_downloads_go_into_the_users_cache_otherwise(fake: Any, tmp_path: Path) -> None:
    fake(MNIST=Grey)
    load("mnist")
    assert (tmp_path / "user-cache" / "copyright-arena" / "downloads" / "mnist").is_dir()


def test_files_in_arena_data_are_used_before_any_download(
    fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(KMNIST=Grey)
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    load("kmnist")
    assert Grey.asked == [(str(tmp_path), True, False), (str(tmp_path), False, False)]


def test_what_arena_data_lacks_is_downloaded(fake: Any, tmp_path: Path) -> None:
    class Elsewhere(Grey):
        def __init__(self, root: str, train: bool, download: bool) -> None:
            if not download:
                raise RuntimeError("Dataset not found")
            super().__init__(root, train, download)

    fake(MNIST=Elsewhere)
    read_vision("mnist", tmp_path / "downloads", tmp_path)
    assert [Path(root).parent for root, _, _ in Grey.asked] == [tmp_path / "downloads"] * 2


def test_what_is_cached_needs_no_torchvision(fake: Any, tmp_path: Path) -> None:
    from arena.world.data import catalogue

    fake(MNIST=Grey)
    before = load("mnist", cache=tmp_path)
    catalogue._content.cache_clear()
    fake()
    after = load("mnist", cache=tmp_path)
    assert after is not before
    assert after.train.digest() == before.train.digest()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Offline, r"expected to download mnist, found the mirror is asleep; set ARENA_DATA"),
        (
            NoNetwork,
            r"found no route to host; set ARENA_DATA to a folder that holds it, or use dig",
        ),
    ],
)
def test_a_failed_download_says_what_to_do(
    fake: Any, tmp_path: Path, kind: type, message: str
) -> None:
    fake(MNIST=kind)
    with pytest.raises(DataError, match=message) as caught:
        read_vision("mnist", tmp_path, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_was_damaged_since_is_named(fake: Any, tmp_path: Path) -> None:
    fake(MNIST=Grey)
    read_vision("mnist", tmp_path)
    fake(MNIST=NoNetwork)
    place = tmp_path / "mnist"
    with pytest.raises(DataError, match=f"found Dataset not found; delete {place} to download"):
        read_vision("mnist", tmp_path)
    assert place.is_dir()


@pytest.mark.parametrize("error", [ImportError("no torchvision"), RuntimeError("no nms")])
def test_a_torchvision_that_cannot_be_imported_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(DataError, match=f"expected torchvision for svhn, found {error}; install"):
        read_vision("svhn", tmp_path)


@pytest.mark.slow
def test_the_real_torchvision_has_all_six() -> None:
    from torchvision import datasets

    assert all(issubclass(getattr(datasets, name), object) for name in vision._TYPES.values())
