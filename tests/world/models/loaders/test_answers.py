"""Models that only answer: ONNX, scikit-learn, URLs, Python functions; and ONNX as a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from arena.errors import ModelError
from arena.world.compute import Compute
from arena.world.kinds.interface import Output
from arena.world.models import Model, build, pack, unpack
from arena.world.models.loaders import ModelFile, of_callable, of_endpoint, read_model
from arena.world.models.loaders.registry import granted
from arena.world.remote.endpoint import Endpoint
from arena.world.rng import Rng
from tests.world.endpoints import ModelServer, running
from tests.world.models.loaders.folders import FORM, onnx_file, probes


@pytest.mark.parametrize(("n_fixed", "last"), [(None, False), (1, False), (3, False), (None, True)])
def test_an_onnx_model_answers_as_its_network(
    tmp_path: Path, n_fixed: int | None, last: bool
) -> None:
    path = tmp_path / "m.onnx"
    network = onnx_file(path, n_fixed, last)
    assert granted(path) == "probabilities"
    loaded = read_model(ModelFile(path), FORM)
    assert (loaded.grants, loaded.model) == ("probabilities", None)
    assert loaded.answer is not None
    with torch.no_grad():
        expected = network(probes(5)).softmax(1)
    torch.testing.assert_close(loaded.answer(probes(5)), expected)


def test_words_beside_an_onnx_model_prepare_its_input(tmp_path: Path) -> None:
    network = onnx_file(tmp_path / "m.onnx")
    loaded = read_model(ModelFile(tmp_path / "m.onnx", "suspect", "mean = 0.5, std = 0.5"), FORM)
    assert loaded.answer is not None
    with torch.no_grad():
        expected = network((probes() - 0.5) / 0.5).softmax(1)
    torch.testing.assert_close(loaded.answer(probes()), expected)


def test_an_onnx_graph_that_names_other_files_is_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx_file(tmp_path / "whole.onnx")
    whole = onnx.load(tmp_path / "whole.onnx")
    apart = tmp_path / "m.onnx"
    onnx.save(whole, apart, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert (tmp_path / "w.bin").stat().st_size > 0
    monkeypatch.chdir(tmp_path)  # where a library would look for it
    with pytest.raises(ModelError, match="in the file itself, found some that lie in another"):
        read_model(ModelFile(apart), FORM, "weights")


def test_an_onnx_model_becomes_a_network_that_can_be_packed_trained_and_built_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.onnx"
    network = onnx_file(path)
    model = read_model(ModelFile(path), FORM, "weights").model
    assert model is not None
    with torch.no_grad():
        torch.testing.assert_close(model(probes()), network(probes()))
        torch.testing.assert_close(unpack(pack(model))(probes()), network(probes()))
    fresh = [build(model.card, Rng(seed)) for seed in (0, 0, 1)]
    assert fresh[0].digest() == fresh[1].digest() != fresh[2].digest()
    assert all(bool(p.abs().max() > 0) for p in fresh[0].parameters() if p.dim() > 1)


def test_an_onnx_model_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07\x12\x04oops")
    wanted: tuple[Output, ...] = ("probabilities", "weights")
    for want in wanted:
        with pytest.raises(ModelError, match=r"is no ONNX model"):
            read_model(ModelFile(tmp_path / "m.onnx"), FORM, want)


def test_a_skops_file_answers_as_its_classifier(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression

    rows = probes(60).flatten(1).numpy()
    labels = np.arange(60) % 5 * 2  # classes 0, 2, 4, 6, 8 of the ten
    fitted = LogisticRegression(max_iter=50).fit(rows, labels)
    skops.io.dump(fitted, tmp_path / "m.skops")
    loaded = read_model(ModelFile(tmp_path / "m.skops"), FORM)
    assert loaded.answer is not None
    found = loaded.answer(probes(7, seed=1))
    expected = fitted.predict_proba(probes(7, seed=1).flatten(1).numpy())
    np.testing.assert_allclose(found[:, ::2].numpy(), expected, atol=1e-6)
    assert not found[:, 1::2].any()
    with pytest.raises(ModelError, match=r"whose weights can be read, found a skops file"):
        read_model(ModelFile(tmp_path / "m.skops", "victim"), FORM, "weights")


def test_a_skops_file_with_a_type_of_its_own_is_refused(tmp_path: Path) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(_own_function), tmp_path / "m.skops")
    with pytest.raises(ModelError, match=r"only scikit-learn's own types are read"):
        read_model(ModelFile(tmp_path / "m.skops"), FORM)


def _own_function(rows: object) -> object:
    raise SystemExit(3)  # never run


def test_a_url_answers_as_the_model_behind_it() -> None:
    model = build(FORM, Rng(0))
    server = ModelServer(model)
    with running(server):
        loaded = of_endpoint(Endpoint(url=server.url), FORM)
        assert loaded.answer is not None
        found = loaded.answer(probes())
    torch.testing.assert_close(found, Compute().probabilities(model, probes()), atol=1e-5, rtol=0)


def _model() -> Model:
    return build(FORM, Rng(0)).eval()


def test_a_function_answers_with_logits_probabilities_arrays_or_classes() -> None:
    model, compute = _model(), Compute()
    expected = compute.probabilities(model, probes())
    for ask in (
        lambda x: compute.logits(model, x),
        lambda x: compute.probabilities(model, x),
        lambda x: compute.probabilities(model, x).double().numpy(),
    ):
        loaded = of_callable(ask, FORM)
        assert loaded.grants == "probabilities"
        assert loaded.answer is not None
        torch.testing.assert_close(loaded.answer(probes()), expected)
    classes = of_callable(lambda x: compute.labels(model, x), FORM)
    assert classes.grants == "labels"
    assert classes.answer is not None
    assert torch.equal(classes.answer(probes()).argmax(1), expected.argmax(1))


def _raises(images: Tensor) -> Tensor:
    raise ValueError("no such image")


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda x: torch.zeros(len(x), 3), r"rows of 10 numbers of .* found the shape \(32, 3\)"),
        (lambda x: torch.full((len(x),), 11), "expected classes from 0 to 9"),
        (lambda x: torch.full((len(x), 10), float("nan")), "expected finite numbers"),
        (_raises, r"cannot answer 32 images \(ValueError: no such image\)"),
    ],
)
def test_a_function_that_answers_something_else_is_refused(ask: object, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        of_callable(ask, FORM)  # type: ignore[arg-type]
