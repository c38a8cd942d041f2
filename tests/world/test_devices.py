"""The same code on a CPU and on a GPU: what is trained there, and what is answered from there."""

from __future__ import annotations

import pytest
import torch

from arena.world.compute import Compute
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.cuda,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    ],
)
DEVICES = pytest.mark.parametrize("device", ["cpu", GPU])
TASK = load_task(TaskSpec(model="mlp"))


@DEVICES
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_learns_in_either_precision(device: str, precision: str) -> None:
    compute = Compute.choose(device, precision)
    assert (compute.device, compute.precision) == (device, precision)
    model = build(TASK.card, Rng(0))
    Trainer(compute).train(model, Examples.of(TASK.splits.owner), Recipe(epochs=15), Rng(1))
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    test = TASK.splits.test
    assert compute.accuracy(model, test.images, test.labels) > 0.7  # chance is 0.1


@DEVICES
@pytest.mark.parametrize("architecture", ["mlp", "cnn8"])
def test_answers_in_float32_are_those_of_the_cpu_and_lie_there(
    device: str, architecture: str
) -> None:
    card = load_task(TaskSpec(model=architecture)).card
    model, images = build(card, Rng(0)), TASK.splits.test.images
    expected = Compute().logits(model, images)
    found = Compute.choose(device, "float32").logits(model, images)
    assert (found.device.type, found.dtype) == ("cpu", torch.float32)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)  # TF32: 3e-3


@DEVICES
def test_answers_under_autocast_come_back_in_float32(device: str) -> None:
    model, images = build(TASK.card, Rng(0)), TASK.splits.test.images
    found = Compute.choose(device, "bfloat16").probabilities(model, images)
    assert (found.device.type, found.dtype) == ("cpu", torch.float32)
    torch.testing.assert_close(found.sum(1), torch.ones(len(images)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("device", "rounds"), [("cpu", True), ("cuda", False)])
def test_who_computes_on_a_gpu_keeps_the_mantissa_of_float32(
    device: str, rounds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Compute(device)
    assert torch.backends.cudnn.allow_tf32 is rounds
