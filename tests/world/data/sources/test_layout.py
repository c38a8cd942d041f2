from pathlib import PurePosixPath

import pytest

from arena.errors import DataError
from arena.world.data.sources.layout import arrange


def sorted_out(files: str, folders: str = "") -> dict[str, dict[str, list[str]]]:
    places = [PurePosixPath(name) for name in files.split()]
    known = [PurePosixPath(name) for name in folders.split()]
    return {
        part: {label: [str(file) for file in found] for label, found in of_class.items()}
        for part, of_class in arrange(places, known, "here").items()
    }


def test_classes_and_files_are_sorted_by_name() -> None:
    assert sorted_out("dog/2 cat/b dog/1 cat/a") == {
        "whole": {"cat": ["cat/a", "cat/b"], "dog": ["dog/1", "dog/2"]}
    }


def test_train_and_test_are_parts() -> None:
    assert sorted_out("test/dog/1 train/dog/2 train/cat/3 test/cat/4") == {
        "train": {"cat": ["train/cat/3"], "dog": ["train/dog/2"]},
        "test": {"cat": ["test/cat/4"], "dog": ["test/dog/1"]},
    }


@pytest.mark.parametrize("around", ["pets", "my/pets", "train"])
def test_lone_folders_around_everything_are_passed_over(around: str) -> None:
    files = f"{around}/cat/1 {around}/dog/2"
    assert list(sorted_out(files)["whole"]) == ["cat", "dog"]


def test_a_folder_around_both_parts_is_passed_over() -> None:
    found = sorted_out("p/train/a/1 p/train/b/1 p/test/a/1 p/test/b/1")
    assert found["test"] == {"a": ["p/test/a/1"], "b": ["p/test/b/1"]}


@pytest.mark.parametrize("beside", ["README", "pets/README", "pets/train/labels.csv"])
def test_files_beside_the_class_folders_are_left_out(beside: str) -> None:
    files = "pets/train/a/1 pets/train/b/1 pets/test/a/1 pets/test/b/1"
    assert sorted_out(f"{files} {beside}") == sorted_out(files)


def test_classes_may_be_called_train_or_test_when_the_other_is_missing() -> None:
    assert list(sorted_out("train/1 car/1")["whole"]) == ["car", "train"]


@pytest.mark.parametrize(
    ("files", "folders", "message"),
    [
        ("a/1", "a b", "found none in b"),
        ("train/a/1 train/b/1 test/a/1", "", "found none in test/b"),
        ("train/a/1 train/b/1 test/a/1", "test/b", "found none in test/b"),
        ("test/a/1 test/b/1 train/a/1", "", "found none in train/b"),
        ("a/1 a/2", "", "found only 'a'"),
        ("p/a/1 p/a/2", "", "found only 'a'"),
        ("train/a/1 test/a/1", "", "found only 'a'"),
        ("1 2", "", "found none"),
        ("", "", "found none"),
        ("", "train test", "found none"),
        ("a/1 b/deep/2", "", "found the folder b/deep"),
        ("a/1 b/2", "b/deep", "found the folder b/deep"),
        ("train/a/1 test/a/1 val/a/1", "", "found test, train, val"),
    ],
)
def test_other_layouts_are_refused_with_the_place(files: str, folders: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sorted_out(files, folders)
