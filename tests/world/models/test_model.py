"""Classifiers: built from a card and an rng, rebuilt from a card and tensors, and nothing else."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.json_values import Json
from arena.world.kinds.registry import find
from arena.world.models import ArchitectureInfo, Model, ModelCard, build, registry, restore
from arena.world.models.registry import architectures
from arena.world.models.tensors import MAX_BYTES
from arena.world.rng import Rng

CARD = ModelCard(
    architecture="cnn8",
    arguments={"width": 4},
    n_classes=3,
    input_shape=(1, 8, 8),
    mean=(0.25,),
    std=(0.5,),
)


@pytest.fixture
def model() -> Model:
    return build(CARD, Rng(1))


@pytest.fixture
def state(model: Model) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


# --- build ---


def test_the_same_rng_gives_the_same_bits_and_another_gives_others() -> None:
    first, again, other = (build(CARD, Rng(seed)).digest() for seed in (1, 1, 2))
    assert first == again != other


def test_build_and_restore_leave_the_global_generator_alone(state: dict[str, Tensor]) -> None:
    before = torch.get_rng_state()
    build(CARD, Rng(9))
    restore(CARD, state)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_does_not_reach_the_weights(model: Model) -> None:
    torch.rand(17)
    assert build(CARD, Rng(1)).digest() == model.digest()


def test_threads_that_build_at_once_do_not_disturb_each_other(model: Model) -> None:
    digests: list[str] = []
    threads = [
        threading.Thread(target=lambda: digests.append(build(CARD, Rng(1)).digest()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [model.digest()] * 4


def test_models_are_handed_out_in_evaluation_mode(state: dict[str, Tensor]) -> None:
    for model in (build(CARD, Rng(1)), restore(CARD, state)):
        assert not any(module.training for module in model.modules())


def test_build_wants_no_resized_card() -> None:
    with pytest.raises(ModelError, match=r"use restore, not build"):
        build(CARD.model_copy(update={"resized": True}), Rng(1))


@pytest.mark.parametrize("width", [10**12, 10**30])
def test_a_width_beyond_all_memory_is_one_sentence(width: int) -> None:
    card = CARD.model_copy(update={"arguments": {"width": width}})
    with pytest.raises(ModelError, match=r"check its arguments") as caught:
        build(card, Rng(1))
    assert "\n" not in str(caught.value)


# --- normalisation ---


@pytest.mark.parametrize(
    ("shape", "mean", "std"),
    [
        ((3, 4, 5), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)),
        ((3, 4, 5), (0.1,), (0.5, 0.6, 0.7)),
        ((4,), (0.1, 0.2, 0.3, 0.4), (0.5,)),
        ((4,), (0.1,), (0.5,)),
    ],
)
def test_each_channel_or_column_has_its_own_constants(
    shape: tuple[int, ...], mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    card = ModelCard(architecture="softmax", n_classes=2, input_shape=shape, mean=mean, std=std)
    x = torch.rand(6, *shape, generator=Rng(4).torch())
    found = build(card, Rng(1)).normalise(x)
    for channel in range(shape[0]):
        expected = (x[:, channel] - mean[channel % len(mean)]) / std[channel % len(std)]
        assert torch.allclose(found[:, channel], expected)


def test_the_constants_follow_the_model_but_are_not_in_its_state(model: Model) -> None:
    assert all(name.startswith("body.") for name in model.state_dict())
    assert model.double().normalise.mean.dtype == torch.float64


# --- copies and digests ---


def test_a_copy_shares_no_memory(model: Model) -> None:
    before, copy = model.digest(), model.copy()
    assert copy.digest() == before
    with torch.no_grad():
        for tensor in copy.state_dict().values():
            tensor.add_(1)
    assert copy.digest() != before == model.digest()


def test_the_digest_sees_every_tensor(model: Model) -> None:
    seen = {model.digest()}
    for tensor in model.state_dict().values():
        tensor.view(-1)[0] += 1
        seen.add(model.digest())
    assert len(seen) == len(model.state_dict()) + 1


def test_the_digest_sees_the_card_but_not_memory_layout_or_mode(model: Model) -> None:
    before = model.digest()
    assert model.train().to(memory_format=torch.channels_last).digest() == before
    model.card = CARD.model_copy(update={"mean": (0.26,)})
    assert model.digest() != before


def test_frozen_parameters_are_not_counted_as_trainable(model: Model) -> None:
    all_parameters = model.n_parameters
    model.body.get_submodule("fc2").requires_grad_(False)
    assert model.n_parameters == all_parameters - (64 * 3 + 3)


# --- restore ---


def test_a_restored_model_is_the_same_and_shares_no_memory(
    model: Model, state: dict[str, Tensor]
) -> None:
    restored = restore(CARD, state)
    x = torch.rand(5, 1, 8, 8, generator=Rng(2).torch())
    assert restored.digest() == model.digest()
    assert torch.equal(restored(x), model(x))
    for tensor in state.values():
        tensor.zero_()
    assert restored.digest() == model.digest()


def test_a_restored_model_can_be_trained(state: dict[str, Tensor]) -> None:
    restored = restore(CARD, state)
    assert all(p.requires_grad and p.is_leaf for p in restored.parameters())
    restored(torch.zeros(1, 1, 8, 8)).sum().backward()


def test_non_contiguous_tensors_are_restored_contiguous(
    model: Model, state: dict[str, Tensor]
) -> None:
    state["body.fc1.weight"] = state["body.fc1.weight"].t().contiguous().t()
    restored = restore(CARD, state)
    assert restored.digest() == model.digest()
    assert all(tensor.is_contiguous() for tensor in restored.state_dict().values())


def _without(state: dict[str, Tensor], name: str) -> None:
    del state[name]


def _poison(state: dict[str, Tensor], value: float) -> None:
    state["body.norm2.running_var"][1] = value


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda s: _without(s, "body.fc1.bias"), "missing are body.fc1.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "unknown are extra"),
        (lambda s: _poison(s, float("nan")), "body.norm2.running_var holds NaN or infinite"),
        (lambda s: _poison(s, float("inf")), "body.norm2.running_var holds NaN or infinite"),
        (
            lambda s: s.update({"body.fc2.bias": torch.zeros(4)}),
            r"body.fc2.bias should have the shape \(3,\), found \(4,\)",
        ),
        (
            lambda s: s.update({"body.fc2.bias": torch.zeros(3, dtype=torch.float16)}),
            "body.fc2.bias should be torch.float32, found torch.float16",
        ),
        (
            lambda s: s.update({"body.fc2.bias": torch.zeros(3).to_sparse()}),
            "dense tensors only, found other values in body.fc2.bias",
        ),
        (lambda s: s.update({"body.fc2.bias": [0, 0, 0]}), "dense tensors only"),
        (
            lambda s: s.update({"body.fc2.bias": torch.zeros(3, device="meta")}),
            "dense tensors only",
        ),
        (
            lambda s: s.update(huge=torch.zeros(1).expand(MAX_BYTES)),
            "at most 4 GiB, found 16.0 GiB",
        ),
        (lambda s: s.clear(), "and 20 more"),
    ],
)
def test_wrong_tensors_are_refused_by_name(state: dict[str, Tensor], damage, words) -> None:  # type: ignore[no-untyped-def]
    damage(state)
    with pytest.raises(ModelError, match=words):
        restore(CARD, state)


def test_several_faults_are_named_at_once(state: dict[str, Tensor]) -> None:
    _without(state, "body.fc1.bias")
    _poison(state, float("nan"))
    with pytest.raises(ModelError, match=r"missing are body.fc1.bias; body.norm2.running_var"):
        restore(CARD, state)


# --- architectures of other people ---


class _WithConstant(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.fc = nn.Linear(n_in, n_out)
        self.register_buffer("scale", torch.arange(1.0, n_out + 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(x) * self.scale
        return out


class _WithNumber(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.fc = nn.Linear(n_in, n_out)
        self.scale = torch.linspace(1, 2, 3).sum().item()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(x) * self.scale
        return out


@pytest.mark.parametrize("network", [_WithConstant, _WithNumber])
def test_constants_that_no_file_holds_are_made_again(
    network: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    builders = {"own": lambda shape, n_classes: network(shape[0], n_classes)}
    monkeypatch.setattr(registry, "_BUILDERS", builders)
    card = ModelCard(architecture="own", n_classes=3, input_shape=(4,), mean=(0.0,), std=(1.0,))
    model = build(card, Rng(1))
    x = torch.rand(5, 4, generator=Rng(2).torch())
    assert torch.equal(restore(card, model.state_dict())(x), model(x))


FORMS: dict[str, dict[str, Any]] = {
    "classifier": {"input_shape": (1, 8, 8), "n_classes": 10, "mean": (0.5,), "std": (0.5,)},
    "language": {"input_shape": (16,), "vocabulary": 256},
    "generator": {"input_shape": (64,), "output_shape": (1, 16, 16)},
    "captioner": {
        "input_shape": (1, 16, 16),
        "output_shape": (4,),
        "words": ("", "a"),
        "mean": (0.5,),
        "std": (0.5,),
    },
}
SIZES = [
    (info, name, [1] * 10**6 if isinstance(default, tuple) else 10**6)
    for info in architectures().values()
    for name, default in info.defaults.items()
    if type(default) in (int, tuple) and type(find(info.kind)).__module__.startswith("arena.")
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("info", "name", "size"), SIZES, ids=lambda value: str(value)[:40])
def test_a_card_that_asks_for_a_million_of_anything_is_refused_before_they_are_built(
    info: ArchitectureInfo, name: str, size: Json
) -> None:
    card = ModelCard(
        kind=info.kind, architecture=info.name, arguments={name: size}, **FORMS[info.kind]
    )
    with pytest.raises(ModelError, match=info.name):
        restore(card, {})
