"""A person's own images by name: sizes, channels, and where paths begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arena.errors import DataError
from arena.world.data import input_shape, load
from arena.world.data.own_data import placed_in, with_form


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Return a folder of grey images of two sizes in three classes."""
    for k, name in enumerate(("ant", "bee", "cat")):
        (tmp_path / name).mkdir()
        for i in range(4):
            pixels = np.full((8, 8 + 4 * (i % 2)), 40 * k, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_the_name_of_a_folder_says_size_channels_and_classes(pets: Path) -> None:
    name = f"folder:{pets}?resize=6&channels=3/0-1"
    assert input_shape(name) == (3, 6, 6)
    source = load(name)
    assert source.train.input_shape == (3, 6, 6)
    assert source.train.classes == ("ant", "bee")
    assert load(with_form(f"folder:{pets}", 6)).train.input_shape == (1, 6, 6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("?size=6", r"expected \?resize=N .* found 'size=6'"),
        ("?resize=0", "found 'resize=0'"),
        ("?resize=99999", "up to 4096"),
        ("?channels=2", "expected 1 or 3 channels, found 2"),
    ],
)
def test_a_form_that_cannot_be_meant(pets: Path, words: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load(f"folder:{pets}{words}")


def test_known_data_keep_their_size() -> None:
    assert with_form("digits", None) == "digits"
    with pytest.raises(DataError, match="images of your own to resize, found 'digits'"):
        with_form("digits", 16)


def test_paths_of_data_in_a_scenario_begin_in_its_folder() -> None:
    tables = {
        "task": {"data": "folder:pets?resize=8"},
        "thief": [{"threat": {"grant": {"pool": "archive:more.zip", "transfer": "mnist"}}}],
        "name": "folder:x",
    }
    found = placed_in(tables, Path("games"))
    assert found["task"]["data"] == "folder:games/pets?resize=8"
    assert found["thief"][0]["threat"]["grant"] == {
        "pool": "archive:games/more.zip", "transfer": "mnist"
    }  # fmt: skip
    assert found["name"] == "folder:x"
    assert placed_in({"data": "folder:/pets"}, Path("games")) == {"data": "folder:/pets"}
