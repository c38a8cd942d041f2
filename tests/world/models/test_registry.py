"""The registry: from a name and arguments to a network, or to a sentence that says why not."""

from collections.abc import Iterator

import pytest
from torch import nn

from arena.errors import ModelError, RegistryError
from arena.world.json_values import Json
from arena.world.models import ArchitectureInfo, architecture, architectures, registry
from arena.world.models.registry import family, make_body

SHIPPED = {"cnn8", "lenet5", "mlp", "resnet18", "resnet20", "resnet8", "softmax", "vgg16-bn"}


@pytest.fixture
def own_registry() -> Iterator[None]:
    """What a test registers is gone afterwards."""
    with registry.kept():
        yield


def tiny(
    shape: tuple[int, ...],
    n_classes: int,
    *,
    scale: float = 1.0,
    flag: bool = False,
    steps: tuple[int, ...] = (),
) -> nn.Module:
    """One line that says what it is.

    And more.
    """
    return nn.Linear(shape[0], n_classes)


def test_the_shipped_architectures_are_listed_in_order() -> None:
    names = list(architectures())
    assert set(names) >= SHIPPED
    assert names == sorted(names)


@pytest.mark.parametrize("info", architectures().values(), ids=lambda info: info.name)
def test_every_architecture_says_in_one_line_what_it_is(info: ArchitectureInfo) -> None:
    assert info.summary.endswith(".")
    assert "\n" not in info.summary


def test_the_defaults_are_those_of_the_builder() -> None:
    assert architectures()["mlp"].defaults == {"hidden": (128, 64), "norm": "none"}
    assert architectures()["softmax"].defaults == {}
    assert architectures()["vgg16-bn"].defaults == {"dropout": 0.5}


def test_the_listing_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        architectures()["mine"] = architectures()["mlp"]  # type: ignore[index]


@pytest.mark.usefixtures("own_registry")
def test_an_architecture_of_somebody_else_is_found() -> None:
    architecture("tiny")(tiny)
    info = architectures()["tiny"]
    assert (info.name, info.summary) == ("tiny", "One line that says what it is.")
    assert isinstance(make_body("tiny", {"scale": 2, "steps": [1]}, (3,), 2), nn.Linear)


@pytest.mark.usefixtures("own_registry")
def test_a_family_finds_its_members_by_the_rest_of_the_name() -> None:
    asked = []
    family("mine")(lambda rest: asked.append(rest) or tiny)  # type: ignore[func-returns-value]
    make_body("mine:a:b", {}, (3,), 2)
    assert asked == ["a:b"]


@pytest.mark.usefixtures("own_registry")
def test_a_name_is_registered_once() -> None:
    with pytest.raises(RegistryError, match=r"'mlp' is registered twice"):
        architecture("mlp")(tiny)
    with pytest.raises(RegistryError, match=r"'torchvision' is registered twice"):
        family("torchvision")(lambda rest: tiny)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lenet", "no architecture is named 'lenet'; did you mean 'lenet5'"),
        ("transformer-xl", "known are attend-lstm, cnn8, dcgan, gpt"),
        ("nowhere:bert", "no architecture is named 'nowhere:bert'"),
    ],
)
def test_an_unknown_name_is_refused_with_a_proposal(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        make_body(name, {}, (1, 28, 28), 10)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("lenet5", {"nrom": "batch"}, r"no argument 'nrom' \(its arguments: norm\)"),
        ("softmax", {"norm": "batch"}, r"\(its arguments: none\)"),
        ("cnn8", {"width": "wide"}, "width should look like 16, found 'wide'"),
        ("cnn8", {"width": True}, "width should look like 16, found True"),
        ("cnn8", {"width": 2.5}, "width should look like 16"),
        ("mlp", {"hidden": 128}, r"hidden should look like \(128, 64\), found 128"),
        ("mlp", {"hidden": ["a"]}, "hidden should look like"),
        ("mlp", {"norm": None}, "norm should look like 'none'"),
        ("cnn8", {"width": "a", "x": 1}, "no argument 'x'.*; width should look"),
    ],
)
def test_a_wrong_argument_is_refused(name: str, arguments: dict[str, Json], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        make_body(name, arguments, (1, 28, 28), 10)


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize(
    ("arguments", "fits"),
    [({"scale": 2}, True), ({"flag": True}, True), ({"flag": 1}, False), ({"scale": "2"}, False)],
)
def test_a_default_says_the_type(arguments: dict[str, Json], fits: bool) -> None:
    architecture("tiny")(tiny)
    if fits:
        make_body("tiny", arguments, (3,), 2)
        return
    with pytest.raises(ModelError, match=r"should look like"):
        make_body("tiny", arguments, (3,), 2)
