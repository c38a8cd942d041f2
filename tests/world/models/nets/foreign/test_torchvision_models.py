"""torchvision's classifiers under their own names."""

import sys

import pytest
import torch

from arena.errors import ModelError
from arena.world.models import ModelCard, build, pack, unpack
from arena.world.models.nets.foreign.torchvision_models import torchvision_names
from arena.world.models.registry import make_body
from arena.world.rng import Rng


def card(name: str, shape: tuple[int, ...] = (3, 32, 32)) -> ModelCard:
    return ModelCard(
        architecture=f"torchvision:{name}",
        n_classes=7,
        input_shape=shape,
        mean=(0.5,),
        std=(0.25,),
    )


def test_only_classifiers_are_known() -> None:
    names = torchvision_names()
    assert {"mobilenet_v3_small", "resnet18", "vit_b_16"} <= set(names)
    assert not [name for name in names if "rcnn" in name or "deeplab" in name or "quant" in name]


@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_network_takes_colour_and_grey_images(n_channels: int) -> None:
    model = build(card("squeezenet1_1", (n_channels, 32, 32)), Rng(1))
    x = torch.rand(2, n_channels, 32, 32, generator=Rng(2).torch())
    assert model(x).shape == (2, 7)
    again = unpack(pack(model))
    assert again.digest() == model.digest()
    assert torch.equal(again(x), model(x))


def test_a_grey_image_is_shown_as_three_equal_channels() -> None:
    grey = build(card("squeezenet1_1", (1, 32, 32)), Rng(1))
    colour = build(card("squeezenet1_1"), Rng(1))
    x = torch.rand(2, 1, 32, 32, generator=Rng(2).torch())
    assert torch.allclose(grey(x), colour(x.repeat(1, 3, 1, 1)))


def test_the_weights_come_from_the_rng_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (
        build(card("shufflenet_v2_x0_5"), Rng(seed)).digest() for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_the_names_of_the_tensors_are_those_of_torchvision() -> None:
    from torchvision.models import shufflenet_v2_x0_5

    ours = build(card("shufflenet_v2_x0_5"), Rng(1)).body.state_dict()
    assert list(ours) == list(shufflenet_v2_x0_5(num_classes=7).state_dict())


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("mobilenet_v3_smal", (3, 32, 32), "did you mean 'mobilenet_v3_small'"),
        ("alexnet", (3, 8, 8), "choose another network or larger images"),
        ("vit_b_32", (3, 32, 32), "Wrong image height"),
        ("squeezenet1_1", (2, 32, 32), "grey or colour images, found 2 channels"),
        ("squeezenet1_1", (64,), "takes images"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build(card(name, shape), Rng(1))


def test_torchvisions_own_settings_are_not_arguments() -> None:
    with pytest.raises(ModelError, match=r"no argument 'weights'"):
        make_body("torchvision:resnet18", {"weights": "DEFAULT"}, (3, 32, 32), 7)


def test_a_broken_torchvision_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ModelError, match=r"install the version that belongs to your torch"):
        torchvision_names()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mobilenet_v3_small", 32),
        ("regnet_y_400mf", 32),
        ("googlenet", 32),
        ("swin_t", 32),
        ("maxvit_t", 224),
        ("inception_v3", 96),
    ],
)
@pytest.mark.filterwarnings("error")
def test_networks_with_constants_of_their_own_come_back_the_same(name: str, size: int) -> None:
    model = build(card(name, (3, size, size)), Rng(1))
    again = unpack(pack(model))
    x = torch.rand(2, 3, size, size, generator=Rng(2).torch())
    assert again.digest() == model.digest()
    assert torch.equal(again(x), model(x))
    assert model.train()(x).shape == (2, 7)
