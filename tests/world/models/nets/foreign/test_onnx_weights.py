"""What putting other weights into an ONNX graph promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arena.errors import ModelError
from arena.world.models import Model
from arena.world.models.loaders import ModelFile, read_model
from arena.world.models.nets.foreign.onnx_graph import model_of
from arena.world.models.nets.foreign.onnx_weights import check_writable, with_weights
from arena.world.models.state_dicts import BODY
from tests.world.models.loaders.folders import FORM, onnx_file, probes


def model_in(path: Path) -> Model:
    found = read_model(ModelFile(path), FORM, "weights").model
    assert found is not None
    return found


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name.removeprefix(BODY): value for name, value in model.state_dict().items()}


def moved(model: Model) -> Model:
    """Return a copy of which every weight and statistic is another."""
    other, generator = model.copy(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in other.state_dict().values():
            if value.is_floating_point():
                value.mul_(1 + torch.rand(value.shape, generator=generator))
    return other


def untransposed(path: Path) -> None:
    """Let the last layer's matrix lie in the file as (inputs, outputs)."""
    from onnx import numpy_helper

    changed: Any = model_of(path.read_bytes(), path.name)
    del changed.graph.node[-1].attribute[:]
    (fc,) = [held for held in changed.graph.initializer if held.name == "fc.weight"]
    fc.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(fc).T), fc.name))
    path.write_bytes(changed.SerializeToString())


def scaled(path: Path) -> None:
    """Let the last layer double its matrix, so that no constant is the layer's weight."""
    from onnx import helper

    changed: Any = model_of(path.read_bytes(), path.name)
    changed.graph.node[-1].attribute.append(helper.make_attribute("alpha", 2.0))
    path.write_bytes(changed.SerializeToString())


@pytest.mark.parametrize("turned", [False, True])
def test_the_graph_answers_as_the_network_with_the_new_weights(
    tmp_path: Path, turned: bool
) -> None:
    path = tmp_path / "m.onnx"
    onnx_file(path)
    if turned:
        untransposed(path)
    changed = moved(model_in(path))
    written = with_weights(path.read_bytes(), weights(changed), path.name)
    path.write_bytes(written)
    assert model_in(path).digest() == changed.digest()
    loaded = read_model(ModelFile(path), FORM)
    assert loaded.answer is not None
    with torch.no_grad():
        torch.testing.assert_close(loaded.answer(probes(5)), changed(probes(5)).softmax(1))


def test_the_same_weights_leave_the_graph_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx_file(path)
    blob = path.read_bytes()
    same = with_weights(blob, weights(model_in(path)), path.name)
    assert model_of(same, "m") == model_of(blob, "m")


def test_a_weight_that_is_no_constant_is_said_before_anything_is_made(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx_file(path)
    check_writable(path.read_bytes(), path.name)
    scaled(path)
    with pytest.raises(ModelError, match=r"expected the weights of m\.onnx as constants"):
        check_writable(path.read_bytes(), path.name)


def test_layers_that_share_a_constant_must_stay_alike(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx_file(path)
    shared: Any = model_of(path.read_bytes(), path.name)
    norm = next(node for node in shared.graph.node if node.op_type == "BatchNormalization")
    norm.input[2] = "conv.bias"
    path.write_bytes(shared.SerializeToString())
    state = weights(model_in(path))
    bias = state["Conv.bias"]
    assert torch.equal(bias, state["BatchNormalization.bias"])
    alike = state | {"Conv.bias": bias + 1, "BatchNormalization.bias": bias + 1}
    path.write_bytes(with_weights(path.read_bytes(), alike, path.name))
    assert torch.equal(weights(model_in(path))["Conv.bias"], bias + 1)
    with pytest.raises(ModelError, match="several that share one and differ now"):
        with_weights(path.read_bytes(), state | {"Conv.bias": bias + 2}, path.name)
