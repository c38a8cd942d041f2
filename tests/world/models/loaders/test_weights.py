"""Weights as people have them, networks of their own code, and formats that are refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from arena.errors import ModelError, RegistryError
from arena.world.kinds.interface import Output
from arena.world.models import Model, ModelCard, build, restore
from arena.world.models.loaders import LoadedModel, ModelFile, loader, loaders, read_model
from arena.world.models.loaders import registry as loader_registry
from arena.world.rng import Rng
from tests.world.models.loaders.folders import FORM, probes

State = dict[str, Tensor]


def _model() -> Model:
    return build(FORM, Rng(0))


def _in_a_checkpoint(state: State) -> object:
    return {"epoch": 3, "state_dict": state}


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {f"module.{name}": t for name, t in state.items()},
        lambda state: {f"_orig_mod.module.{name}": t for name, t in state.items()},
        lambda state: {name: t.half() for name, t in state.items()},
        lambda state: {name: t.double() for name, t in state.items()},
        _in_a_checkpoint,
    ],
    ids=["DataParallel", "compiled", "half", "double", "checkpoint"],
)
def test_a_state_dict_is_read_as_people_have_it(
    tmp_path: Path, change: Callable[[State], object]
) -> None:
    model = _model()
    torch.save(change(model.body.state_dict()), tmp_path / "m.pt")
    found = read_model(ModelFile(tmp_path / "m.pt", architecture="mlp"), FORM).model
    assert found is not None
    torch.testing.assert_close(found(probes()), model(probes()), atol=1e-2, rtol=0)


def test_weights_for_colour_images_on_grey_data_say_how_to_read_them(tmp_path: Path) -> None:
    colour = FORM.model_copy(update={"input_shape": (3, 8, 8), "architecture": "cnn8"})
    torch.save(build(colour, Rng(0)).body.state_dict(), tmp_path / "m.pt")
    with pytest.raises(ModelError, match=r"model of colour images.*\?channels=3"):
        read_model(ModelFile(tmp_path / "m.pt", architecture="cnn8"), FORM)


NET = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, width=4, n_classes=2):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, width), nn.Linear(width, n_classes)
    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))
class Pair(Net):
    def forward(self, x):
        return super().forward(x), x
def number():
    return 3
"""


@pytest.fixture
def net_file(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(NET)
    network = nn.ModuleDict({"fc1": nn.Linear(64, 6), "fc2": nn.Linear(6, 10)})
    torch.save(network.state_dict(), tmp_path / "m.pt")
    return tmp_path / "nets.py"


def test_a_network_of_ones_own_code_is_named_by_file_and_class(net_file: Path) -> None:
    words = f"{net_file}:Net, width = 6"
    weights = net_file.with_name("m.pt")
    model = read_model(ModelFile(weights, architecture=words), FORM).model
    assert model is not None
    assert model.card.architecture.startswith("own:Net@")
    assert model.card.arguments == {"width": 6}
    assert model(probes()).shape == (4, 10)
    again = restore(ModelCard.read(model.card.plain()), model.state_dict())
    assert torch.equal(again(probes()), model(probes()))


def test_code_that_nobody_named_is_not_run(net_file: Path) -> None:
    card = FORM.model_copy(update={"architecture": "own:Stranger@01234567"})
    with pytest.raises(ModelError, match="a file alone does not run"):
        build(card, Rng(0))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("{file}:Nett", "no class 'Nett'; did you mean 'Net'"),
        ("{file}:Net, height = 3", "cannot be built .*height"),
        ("{file}:Net", r"fc1.weight should have the shape \(4, 64\)"),
        ("{file}:Pair, width = 6", r"expected outputs \(2, 10\) .*found tuple"),
        ("{file}:number", "to be a torch.nn.Module, found int"),
        ("nowhere.py:Net", "found none at nowhere.py"),
        ("no_such_module:Net", "no_such_module cannot be imported"),
    ],
)
def test_ones_own_code_that_does_not_fit(net_file: Path, words: str, sentence: str) -> None:
    file = ModelFile(net_file.with_name("m.pt"), architecture=words.format(file=net_file))
    with pytest.raises(ModelError, match=sentence):
        read_model(file, FORM)


def _zip(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("m.pt", _zip("m/constants.pkl"), "is a TorchScript archive.*name the network"),
        ("m.pt2", _zip("m/archive_format"), r"is an exported program.*name the network"),
        ("m.pkl", b"\x80\x04K\x03.", "is a pickle.*skops.io.dump"),
        ("m.joblib", b"\x78\x9c123456", "is a joblib file.*skops.io.dump"),
        ("m.gz", b"\x1f\x8b1234567", "is a joblib file"),
        ("m.h5", b"\x89HDF\r\n\x1a\n0000", "nor of another format that can be read"),
        ("m.safetensors", b"version https://git-lfs.github.com", "git lfs pull"),
        ("m.safetensors", b"\xff\x01\x02\x03\x04\x05\x06\x07\x08\x09", "no safetensors file"),
    ],
)
def test_what_cannot_be_read_says_the_way_out(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=sentence) as caught:
        read_model(ModelFile(tmp_path / name), FORM)
    assert "would have" not in str(caught.value)


def test_a_loader_of_ones_own_is_found_by_the_ending_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_registry, "_LOADERS", dict(loaders()))

    @loader("a list of numbers", suffixes=(".numbers",))
    def read(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
        return LoadedModel.of(build(form, Rng(int(file.path.read_text()))))

    (tmp_path / "m.numbers").write_text("0")
    found = read_model(ModelFile(tmp_path / "m.numbers"), FORM).model
    assert found is not None
    assert found.digest() == _model().digest()
    with pytest.raises(RegistryError, match="two loaders"):
        loader("a list of numbers")(read)


def test_every_loader_says_what_it_grants() -> None:
    assert {one.most for one in loaders().values()} <= {
        "nothing", "labels", "probabilities", "weights"
    }  # fmt: skip
