"""The zoo: sizes, shapes, and the form that hooks and graph readers rely on."""

from collections import Counter
from math import prod
from typing import Any

import pytest
import torch
from torch import fx, nn

from arena.errors import ModelError
from arena.world.models import Model, ModelCard, build
from arena.world.models.nets.blocks import initialise
from arena.world.rng import Rng

HIDDEN = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU)
SILENT = (nn.Flatten, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.Dropout)


def make(name: str, shape: tuple[int, ...], n_classes: int = 10, **arguments: Any) -> Model:
    card = ModelCard(
        architecture=name,
        arguments=arguments,
        n_classes=n_classes,
        input_shape=shape,
        mean=(0.5,),
        std=(0.25,),
    )
    return build(card, Rng(3))


Case = tuple[str, tuple[int, ...], dict[str, Any], int]
COUNTS: list[Case] = [
    ("softmax", (64,), {}, 650),
    ("softmax", (1, 28, 28), {}, 7_850),
    ("mlp", (64,), {}, 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10),
    ("mlp", (64,), {"norm": "batch"}, 17_226 + 2 * (128 + 64)),
    ("mlp", (64,), {"hidden": []}, 650),
    ("cnn8", (1, 8, 8), {}, 23_114),
    ("cnn8", (1, 8, 8), {"norm": "none"}, 23_114 - 2 * (16 + 32 + 32)),
    ("lenet5", (1, 28, 28), {}, 107_786),
    ("lenet5", (1, 28, 28), {"norm": "batch"}, 107_786 + 2 * (6 + 16)),
    ("resnet8", (1, 28, 28), {}, 77_898),
    ("resnet8", (3, 32, 32), {}, 77_898 + 2 * 16 * 9),
    ("resnet8", (1, 28, 28), {"width": 8}, 19_882),
    ("resnet20", (3, 32, 32), {}, 273_066),
    ("resnet20", (1, 28, 28), {}, 273_066 - 2 * 16 * 9),
    ("resnet18", (3, 32, 32), {}, 11_173_962),
    ("vgg16-bn", (3, 32, 32), {}, 33_646_666),
]
SMALL = [case for case in COUNTS if case[3] < 10**6]


def ids(cases: list[Case]) -> list[str]:
    return [f"{name}-{'x'.join(map(str, shape))}-{args}" for name, shape, args, _ in cases]


@pytest.mark.parametrize(("name", "shape", "arguments", "n_expected"), COUNTS, ids=ids(COUNTS))
def test_the_number_of_trainable_parameters(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], n_expected: int
) -> None:
    assert make(name, shape, **arguments).n_parameters == n_expected


@pytest.mark.parametrize(
    ("name", "n_statistics"), [("resnet20", 274_442 - 273_066), ("vgg16-bn", 8_448)]
)
def test_the_running_statistics_come_on_top(name: str, n_statistics: int) -> None:
    state = make(name, (3, 32, 32)).state_dict()
    found = sum(value.numel() for key, value in state.items() if "running" in key)
    assert found == n_statistics


@pytest.mark.parametrize(("name", "shape", "arguments", "_n"), COUNTS, ids=ids(COUNTS))
def test_logits_have_one_column_for_each_class_and_gradients_reach_all_weights(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], _n: int
) -> None:
    model = make(name, shape, n_classes=7, **arguments).train()
    logits = model(torch.rand(3, *shape, generator=Rng(1).torch()))  # (3, 7)
    assert logits.shape == (3, 7)
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("name", "shape", "arguments", "_n"), COUNTS, ids=ids(COUNTS))
def test_the_graph_holds_plain_layers_each_used_once(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], _n: int
) -> None:
    body = make(name, shape, **arguments).body
    nodes = list(fx.symbolic_trace(body).graph.nodes)
    called = Counter(str(node.target) for node in nodes if node.op == "call_module")
    leaves = {key for key, module in body.named_modules() if not list(module.children())}
    assert set(called) == leaves
    assert set(called.values()) == {1}
    assert all(type(body.get_submodule(key)) in HIDDEN + SILENT for key in leaves)
    functions = {node.target.__name__ for node in nodes if node.op == "call_function"}
    assert functions <= {"add"}  # of the residual blocks
    assert not [node for node in nodes if node.op == "call_method"]


@pytest.mark.parametrize(("name", "shape", "arguments", "_n"), COUNTS, ids=ids(COUNTS))
def test_no_relu_writes_over_its_input(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], _n: int
) -> None:
    relus = [m for m in make(name, shape, **arguments).modules() if isinstance(m, nn.ReLU)]
    assert not any(relu.inplace for relu in relus)


@pytest.mark.parametrize(("name", "shape", "arguments", "_n"), SMALL, ids=ids(SMALL))
def test_the_whole_classifier_can_be_traced(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], _n: int
) -> None:
    model = make(name, shape, **arguments)
    x = torch.rand(2, *shape, generator=Rng(2).torch())
    assert torch.equal(fx.symbolic_trace(model)(x), model(x))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet5", (3, 32, 32)),
        ("lenet5", (1, 5, 9)),
        ("cnn8", (3, 12, 8)),
        ("resnet8", (3, 5, 11)),
        ("resnet20", (1, 9, 7)),
        ("resnet18", (1, 28, 28)),
        ("mlp", (2, 3, 4, 5)),
        ("vgg16-bn", (1, 40, 70)),
    ],
)
def test_other_sizes_of_input_fit(name: str, shape: tuple[int, ...]) -> None:
    assert make(name, shape)(torch.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("lenet5", (30,), r"at least 4x4 pixels, found the input shape \(30,\)"),
        ("lenet5", (1, 3, 28), "at least 4x4"),
        ("cnn8", (8, 8), "takes images"),
        ("resnet8", (1, 28, 3), "at least 4x4"),
        ("resnet20", (3, 2, 2), "at least 4x4"),
        ("resnet18", (3, 7, 32), "at least 8x8"),
        ("vgg16-bn", (1, 28, 28), "at least 32x32"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(
    name: str, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        make(name, shape)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("lenet5", {"norm": "layer"}, "norm of lenet5 is one of none, batch, found 'layer'"),
        ("cnn8", {"width": 0}, "width of cnn8"),
        ("resnet8", {"width": 0}, "width of resnet8 is a number of channels from 1 up, found 0"),
        ("mlp", {"hidden": [8, 0]}, "hidden widths of mlp"),
        ("mlp", {"hidden": [1] * 65}, "at most 64"),
        ("vgg16-bn", {"dropout": 1.0}, "dropout of vgg16-bn"),
    ],
)
def test_an_argument_out_of_range_is_refused(
    name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        make(name, (1, 32, 32), **arguments)


def test_cnn8_has_room_for_a_mark_of_64_bits() -> None:
    convs = [m for m in make("cnn8", (1, 8, 8)).modules() if isinstance(m, nn.Conv2d)]
    assert [prod(conv.weight.shape[1:]) for conv in convs] == [9, 144, 288]
    assert max(conv.out_channels for conv in convs) == 32


def test_vgg_drops_half_of_the_hidden_units_in_training_only() -> None:
    drops = [m for m in make("vgg16-bn", (3, 32, 32)).modules() if isinstance(m, nn.Dropout)]
    assert [drop.p for drop in drops] == [0.5, 0.5]
    assert not any(drop.training for drop in drops)


def test_initial_convolutions_have_the_spread_of_he() -> None:
    conv = make("resnet18", (3, 32, 32)).body.get_submodule("stage4.1.conv2")
    assert isinstance(conv, nn.Conv2d)
    expected = (2 / prod(conv.weight.shape[1:])) ** 0.5
    assert conv.weight.std().item() == pytest.approx(expected, rel=0.01)
    assert conv.weight.mean().abs().item() < expected / 100


def test_initial_biases_are_zero() -> None:
    biases = [p for key, p in make("lenet5", (1, 28, 28)).named_parameters() if "bias" in key]
    assert biases
    assert not any(bias.any() for bias in biases)


def test_initialise_leaves_the_meta_device_alone() -> None:
    with torch.device("meta"):
        network = initialise(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2)))
    assert all(parameter.is_meta for parameter in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_cnn8_learns_the_digits(norm: str) -> None:
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    x = torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)  # (1797, 1, 8, 8)
    y = torch.tensor(digits)
    draw = Rng(5).torch()
    train, test = torch.randperm(len(x), generator=draw).tensor_split([670])
    model = make("cnn8", (1, 8, 8), norm=norm).train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(40):
        for batch in train[torch.randperm(670, generator=draw)].split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
    accuracy = (model.eval()(x[test]).argmax(1) == y[test]).float().mean().item()
    assert accuracy > 0.955
