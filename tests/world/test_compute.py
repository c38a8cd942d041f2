"""The compute layer gives what a plain forward pass gives, in pieces."""

from __future__ import annotations

import pytest
import torch

from arena.errors import ArenaError
from arena.world.compute import Compute, Precision
from arena.world.models import Model, build
from arena.world.models.calls import captured
from arena.world.rng import Rng
from arena.world.task import Task


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (600, 1, 8, 8), generator=Rng(2).torch(), dtype=torch.uint8)


def test_chunks_give_the_logits_of_one_pass(trained: Model, images: torch.Tensor) -> None:
    with torch.no_grad():
        whole = trained(images.float() / 255)
    torch.testing.assert_close(Compute().logits(trained, images), whole, atol=1e-5, rtol=1e-5)


def test_large_images_run_in_smaller_chunks_and_a_gpu_takes_more(images: torch.Tensor) -> None:
    model, large = torch.nn.Identity(), torch.zeros(600, 1, 64, 64, dtype=torch.uint8)
    sizes = [part.stop - part.start for part in Compute().parts(model, images)]
    assert sizes == [256, 256, 88]
    parts = list(Compute().parts(model, large))
    assert {part.stop - part.start for part in parts[:-1]} == {32}
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(600))
    assert len(list(Compute("cuda").parts(model, large))) == 1


def test_uint8_and_floats_are_the_same_images(trained: Model, images: torch.Tensor) -> None:
    compute = Compute()
    assert torch.equal(
        compute.logits(trained, images), compute.logits(trained, images.float() / 255)
    )


def test_float64_is_computed_in_float64(trained: Model, images: torch.Tensor) -> None:
    logits = Compute().logits(trained, images, double=True)
    assert logits.dtype == torch.float64
    assert (
        trained.get_parameter("body.fc1.weight").dtype == torch.float32
    )  # the model itself is not converted
    single = Compute().logits(trained, images).double()
    assert 0 < float((logits - single).abs().max()) < 1e-3


def test_probabilities_sum_to_one(trained: Model, images: torch.Tensor) -> None:
    rows = Compute().probabilities(trained, images)
    torch.testing.assert_close(rows.sum(1), torch.ones(len(rows)))


def test_running_a_model_does_not_change_it(trained: Model, images: torch.Tensor) -> None:
    before = trained.digest()
    compute = Compute()
    compute.logits(trained, images)
    compute.activations(trained, images, ["body.relu1"])
    compute.input_gradients(trained, images[:8], lambda logits, index: logits[:, 0])
    assert trained.digest() == before


def test_activations_are_the_outputs_of_the_layers(trained: Model, images: torch.Tensor) -> None:
    found = Compute().activations(trained, images, ["body.relu1", "body.fc2"])
    assert found["body.relu1"].shape[0] == 600
    assert float(found["body.relu1"].min()) >= 0
    torch.testing.assert_close(found["body.fc2"], Compute().logits(trained, images))


def test_activations_are_reduced_before_they_are_kept(trained: Model, images: torch.Tensor) -> None:
    found = Compute().activations(trained, images, ["body.relu1"], lambda x: x.flatten(2).mean(2))
    assert found["body.relu1"].dim() == 2


def test_an_unknown_layer_is_named(trained: Model) -> None:
    missing = r"expected names of layers, found 'body\.nope'"
    with pytest.raises(ArenaError, match=missing), captured(trained, ["body.nope"]):
        pass


def test_input_gradients_are_those_of_finite_differences(trained: Model) -> None:
    image = torch.rand(1, 1, 8, 8, generator=Rng(4).torch())
    compute = Compute()
    (gradient,) = compute.input_gradients(trained, image, lambda logits, _: logits[:, 3])
    steps = 1e-4 * torch.eye(64).view(64, 1, 8, 8)
    ahead = compute.logits(trained, image + steps, double=True)[:, 3]
    behind = compute.logits(trained, image - steps, double=True)[:, 3]
    away = (gradient.flatten() - (ahead - behind) / 2e-4).abs()
    assert float((away < 5e-2).double().mean()) > 0.5  # of the rest, a step crosses a kink
    assert float(away.median()) < 2e-2


def test_a_fixed_model_takes_gradients_in_its_input_alone(trained: Model) -> None:
    view = Compute().frozen(trained)
    images = torch.rand(300, 1, 8, 8, generator=Rng(4).torch()).requires_grad_(True)
    view(images).sum().backward()
    assert images.grad is not None
    assert all(p.grad is None for p in view.parameters())
    assert all(p.requires_grad for p in trained.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_fixed_model_computes_in_float64_where_asked(
    trained: Model, precision: Precision
) -> None:
    view = Compute("cpu", precision).frozen(trained, double=True)
    images = torch.rand(300, 1, 8, 8, generator=Rng(4).torch()).double().requires_grad_(True)
    logits = view(images)
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits.detach(), Compute().logits(trained, images, double=True))
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert gradient.dtype == torch.float64
    assert all(p.dtype == torch.float32 for p in trained.parameters())


def test_bfloat16_is_close_and_comes_back_as_float32(trained: Model, task: Task) -> None:
    test = task.splits.test
    rough = Compute("cpu", "bfloat16")
    logits = rough.logits(trained, test.images)
    assert logits.dtype == torch.float32
    exact = Compute().accuracy(trained, test.images, test.labels)
    assert abs(rough.accuracy(trained, test.images, test.labels) - exact) < 0.03


def test_no_images_give_no_rows(trained: Model) -> None:
    assert len(Compute().logits(trained, torch.zeros(0, 1, 8, 8))) == 0


def test_devices_by_name() -> None:
    assert Compute.choose("cpu") == Compute("cpu", "float32")
    with pytest.raises(ArenaError, match="expected a device of auto, cpu or cuda, found 'tpu'"):
        Compute.choose("tpu")


def test_a_precision_is_chosen_by_name_and_is_float32_on_a_cpu_otherwise() -> None:
    assert Compute.choose("cpu", "auto") == Compute.choose("cpu", "float32") == Compute("cpu")
    assert Compute.choose("cpu", "bfloat16") == Compute("cpu", "bfloat16")
    with pytest.raises(ArenaError, match="float32 or bfloat16, found 'bfloat'; did you mean"):
        Compute.choose("cpu", "bfloat")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_and_never_replaced_silently() -> None:
    assert Compute.choose("auto").device == "cpu"
    with pytest.raises(ArenaError, match="expected a CUDA device, found none"):
        Compute.choose("cuda")


def test_rows_of_a_table_pass_like_images(tiny: Model) -> None:
    rows = torch.rand(5000, 8, generator=Rng(0).torch())
    assert Compute().logits(tiny, rows).shape == (5000, 3)


def test_a_model_is_built_the_same_from_the_same_stream(task: Task) -> None:
    assert build(task.card, Rng(3)).digest() == build(task.card, Rng(3)).digest()
