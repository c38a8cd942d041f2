import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from arena.errors import DataError
from arena.world.data import DataInfo, catalogue, known, load
from arena.world.data.sources import local_copies
from arena.world.data.sources.archives import SUFFIXES
from arena.world.files.cache_folder import user_cache

AT_HAND = [info for info in known() if info.origin.startswith(("bundled", "generated"))]
Files = dict[str, bytes | None]
Maker = Callable[..., Path]


def ten_classes(picture: Callable[..., bytes], parts: tuple[str, ...] = ("train", "test")) -> Files:
    """Two images for each class, as large as MNIST's."""
    return {
        f"{part}/{digit}/{index}.png": picture(digit * 20 + index, size=(28, 28))
        for part in parts
        for digit in range(10)
        for index in range(2)
    }


def test_the_known_names() -> None:
    bundled, grey = ["digits", "breast-cancer", "wine"], ["mnist", "fashion-mnist", "kmnist"]
    texts, colour = ["fables", "tinyshakespeare"], ["cifar10", "cifar100", "svhn"]
    made = ["shapes", "captions-digits"]
    assert [info.name for info in known()] == [*bundled, *made, *texts, *grey, *colour]


@pytest.mark.parametrize("info", AT_HAND, ids=lambda info: info.name)
def test_what_is_told_before_is_true_after(info: DataInfo) -> None:
    source = load(info.name)
    found = (source.train.n_classes, source.train.input_shape, len(source.train), len(source.test))
    assert found == (info.classes, info.shape, info.n_train, info.n_test)
    assert source.test.labels.unique().tolist() == list(range(info.classes))


def test_loading_twice_gives_the_same_object(tmp_path: Path) -> None:
    assert load("digits") is load("digits", seed=0)
    assert load("digits") is load("digits", cache=tmp_path)
    assert load("digits/0-4") is load("digits/0-4")


def test_a_view_is_of_the_same_cut(tmp_path: Path) -> None:
    whole, seen = load("digits", seed=3), load("digits/2,4", seed=3, cache=tmp_path)
    kept = (whole.test.labels == 2) | (whole.test.labels == 4)
    assert torch.equal(seen.test.images, whole.test.images[kept])
    assert seen.test.name == "digits/2,4"


def test_views_may_follow_each_other() -> None:
    source = load("digits/0-2/parity")
    assert source.train.classes == ("even", "odd")
    assert len(source.train) == len(load("digits/0-2").train)


@pytest.mark.parametrize("view", ["0-1", "parity"])
def test_class_folders_have_views_too(as_folder: Maker, pets: Files, view: str) -> None:
    root = as_folder(pets)
    assert load(f"folder:{root}/{view}").train.labels.tolist() == [0, 0, 1]


def test_a_folder_that_is_named_like_a_view_is_a_folder(
    as_folder: Maker, picture: Callable[..., bytes]
) -> None:
    root = as_folder({f"0-1/{label}/{i}.png": picture(i) for label in "ab" for i in range(4)})
    assert load(f"folder:{root}/0-1").train.classes == ("a", "b")
    assert load(f"folder:{root}/0-1/1,0").train.classes == ("b", "a")


def test_an_archive_has_views_too(as_archive: Maker, pets: Files) -> None:
    assert load(f"archive:{as_archive(pets)}/1,0").test.classes == ("dog", "cat")


def test_a_seed_cuts_another_test_part_from_the_same_images() -> None:
    one, two = load("wine", seed=1), load("wine", seed=2)
    assert one.train.digest() != two.train.digest()
    assert sorted(torch.cat([one.train.images, one.test.images]).tolist()) == sorted(
        torch.cat([two.train.images, two.test.images]).tolist()
    )


def test_a_seed_cuts_alike_in_every_process(tmp_path: Path) -> None:
    before = load("digits", seed=5).train.digest()
    catalogue._content.cache_clear()
    assert load("digits", seed=5, cache=tmp_path).train.digest() == before


def test_a_published_test_part_is_kept_whatever_the_seed(as_folder: Maker, pets: Files) -> None:
    name = f"folder:{as_folder(pets)}"
    assert load(name, seed=1) is load(name, seed=2)
    assert len(load(name).test) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_without_parts_is_cut_by_the_seed(
    as_archive: Maker, picture: Callable[..., bytes], suffix: str
) -> None:
    files = {f"{label}/{i}.png": picture(i) for label in "ab" for i in range(8)}
    source = load(f"archive:{as_archive(files, suffix)}", seed=3)
    assert (len(source.train), len(source.test)) == (12, 4)
    assert source.test.labels.bincount().tolist() == [2, 2]


def test_a_folder_that_changes_is_read_again(as_folder: Maker, pets: Files) -> None:
    root = as_folder(pets)
    before = load(f"folder:{root}")
    shutil.copy(root / "train/cat/a.png", root / "train/cat/c.png")
    after = load(f"folder:{root}")
    assert (len(before.train), len(after.train)) == (3, 4)


def test_a_home_folder_may_be_written_with_a_tilde(
    as_folder: Maker, pets: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(as_folder(pets).parent))
    assert len(load("folder:~/pets").train) == 3


def test_the_cache_spares_the_decoding(
    as_archive: Maker, pets: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cache = f"archive:{as_archive(pets)}", tmp_path / "cache"
    before = load(name, cache=cache)
    catalogue._content.cache_clear()
    monkeypatch.delattr("PIL.Image.open")
    after = load(name, cache=cache)
    assert after is not before
    assert after.train.digest() == before.train.digest()


def test_one_file_in_the_cache_serves_all_seeds(tmp_path: Path) -> None:
    load("wine", seed=1, cache=tmp_path)
    load("wine", seed=2, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_arena_data_may_hold_class_folders_under_a_known_name(
    as_folder: Maker,
    as_archive: Maker,
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
) -> None:
    files = ten_classes(picture)
    made = as_archive(files, suffix) if suffix else as_folder(files)
    made.rename(made.parent / f"kmnist{suffix}")
    monkeypatch.setenv("ARENA_DATA", str(made.parent))
    source = load("kmnist")
    assert (len(source.train), source.train.name) == (20, "kmnist")


def test_a_published_archive_is_checked_and_then_used(
    as_archive: Maker, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_archive(ten_classes(picture))
    path = path.rename(path.parent / "mnist-png.tar.gz")
    monkeypatch.setenv("ARENA_DATA", str(path.parent))
    with pytest.raises(DataError, match=r"expected the SHA-256 327fb5\w+ of mnist-png.tar.gz"):
        load("mnist")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(local_copies._PUBLISHED, "mnist", (path.name, right))
    assert len(load("mnist").train) == 20


def test_the_published_checksums_are_whole() -> None:
    assert all(len(sha) == 64 and int(sha, 16) for _, sha in local_copies._PUBLISHED.values())


def test_without_xdg_the_cache_lies_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.sep + "somewhere")
    assert user_cache() == Path("/somewhere/.cache/copyright-arena")
