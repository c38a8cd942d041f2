"""Suspects and victims in files of other libraries are judged as in files of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from arena.errors import ModelError
from arena.game.match.steps.step_cache import Setting
from arena.runs.judge.judge import Hearing
from arena.runs.judge.model_files import ModelFile
from arena.runs.judge.request import AccessLevel, Findings, Trial
from arena.world.compute import Compute
from arena.world.models import load_model
from arena.world.models.loaders import Asked
from arena.world.training import Recipe
from tests.runs.judge.exhibits import SCHEME


def _held(
    exhibits: Path, folder: Path, suspect: ModelFile | Asked, access: AccessLevel
) -> Findings:
    trial = Trial(
        victim=ModelFile(exhibits / "victim.safetensors", "victim"),
        suspect=suspect,
        data="digits",
        access=access,
        innocents=exhibits / "innocents",
        scheme=SCHEME,
        seed=4,
        recipe=Recipe(epochs=1),
    )
    return Hearing(trial, folder, Setting(), lambda *_: None).hold()


def _as_onnx(exhibits: Path, path: Path) -> str:
    """Write the copy as an ONNX model, and return the words that normalise its input."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = load_model(exhibits / "copy.safetensors")
    state = model.body.state_dict()
    weights = [name for name in state if name.endswith("weight")]
    nodes, last = [helper.make_node("Flatten", ["x"], ["h0"], axis=1)], "h0"
    for i, weight in enumerate(weights):
        bias, made = weight.replace("weight", "bias"), f"h{i + 1}"
        nodes.append(helper.make_node("Gemm", [last, weight, bias], [made], transB=1))
        last = made
        if i < len(weights) - 1:
            nodes.append(helper.make_node("Relu", [made], [f"{made}r"]))
            last = f"{made}r"
    graph = helper.make_graph(
        nodes,
        "copy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in state.items()],
    )
    opset = helper.make_opsetid("", 15)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return f"mean = {list(model.card.mean)}, std = {list(model.card.std)}"


def test_an_onnx_suspect_and_a_function_are_judged_as_the_copy_that_they_are(
    exhibits: Path, tmp_path: Path
) -> None:
    words = _as_onnx(exhibits, tmp_path / "copy.onnx")
    suspect = ModelFile(tmp_path / "copy.onnx", "suspect", words)
    own = ModelFile(exhibits / "copy.safetensors", "suspect")
    compute, copy = Compute(), load_model(own.path)
    function = Asked(lambda images: compute.logits(copy, images))
    for source, access, n_metrics in (
        (suspect, "probabilities", 2),
        (suspect, "weights", 2),
        (function, "probabilities", 2),
    ):
        found = _held(exhibits, tmp_path / "court", source, access)  # type: ignore[arg-type]
        expected = _held(exhibits, tmp_path / "court", own, access)  # type: ignore[arg-type]
        assert found.verdict is not None
        assert expected.verdict is not None
        assert found.suspect is not None
        assert expected.suspect is not None
        assert found.suspect.accuracy == pytest.approx(expected.suspect.accuracy, abs=0.01)
        lines = found.verdict.figures["evidence"]["all"]["lines"][:n_metrics]
        wanted = expected.verdict.figures["evidence"]["all"]["lines"][:n_metrics]
        for line, other in zip(lines, wanted, strict=True):
            assert line["metric"] == other["metric"]
            assert line["value"] == pytest.approx(other["value"], abs=0.02)


def test_a_victim_that_is_fed_wrongly_stops_at_the_door(exhibits: Path, tmp_path: Path) -> None:
    victim = load_model(exhibits / "victim.safetensors")
    torch.save(victim.body.state_dict(), tmp_path / "victim.pt")
    trial = Trial(
        victim=ModelFile(tmp_path / "victim.pt", "victim", "mlp, mean = 40, std = 0.01"),
        suspect=ModelFile(exhibits / "copy.safetensors", "suspect"),
        data="digits",
        access="weights",
        innocents=3,
        scheme=SCHEME,
        seed=4,
    )
    hearing = Hearing(trial, tmp_path / "court", Setting(), lambda *_: None)
    with pytest.raises(ModelError, match=r"chance is .*--victim-architecture"):
        hearing.hold()
    assert hearing.findings.verdict is None
