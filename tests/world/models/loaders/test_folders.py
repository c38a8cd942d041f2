"""Folders of Hugging Face and timm come in as models, and say what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from arena.errors import ModelError
from arena.world.models import pack, unpack
from arena.world.models.loaders import ModelFile, read_model
from tests.world.models.loaders.folders import (
    FORM,
    MEAN,
    STD,
    hugging_face_folder,
    probes,
    timm_folder,
    write_json,
)


@pytest.mark.parametrize("model_type", ["vit", "resnet"])
def test_a_hugging_face_folder_answers_as_transformers_does(
    tmp_path: Path, model_type: str
) -> None:
    network = hugging_face_folder(tmp_path, model_type)
    loaded = read_model(ModelFile(tmp_path), FORM)
    assert loaded.grants == "weights"
    model = loaded.model
    assert model is not None
    assert (model.card.mean, model.card.std, model.card.n_classes) == (MEAN, STD, 10)
    images = probes()
    with torch.no_grad():
        expected = network(pixel_values=(images - MEAN[0]) / STD[0]).logits
        torch.testing.assert_close(model(images), expected)
        torch.testing.assert_close(unpack(pack(model))(images), expected)


def test_words_beside_a_folder_replace_its_normalisation(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path, "vit")
    loaded = read_model(ModelFile(tmp_path, "victim", "mean = 0, std = [1.0]"), FORM)
    assert (loaded.card.mean, loaded.card.std) == ((0.0,), (1.0,))
    with pytest.raises(ModelError, match=r"nothing but mean, std, n_classes .*'lenet5'"):
        read_model(ModelFile(tmp_path, "victim", "lenet5"), FORM)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "vitt"}, "no image classifier of the type 'vitt'; did you mean 'vit'"),
        ({"hidden_size": 12}, "mismatched are"),
        ({"num_hidden_layers": 2}, "missing are"),
        ({"quantization_config": {"bits": 4}}, "found one with quantization_config"),
        ({"hidden_act": "guess"}, "cannot be built"),
    ],
)
def test_a_hugging_face_folder_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    hugging_face_folder(tmp_path, "vit")
    path = tmp_path / "config.json"
    write_json(path, json.loads(path.read_text()) | changes)
    with pytest.raises(ModelError, match=sentence) as caught:
        read_model(ModelFile(tmp_path), FORM)
    assert "\n" not in str(caught.value)


def test_code_beside_a_hugging_face_model_is_never_run(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path, "vit")
    (tmp_path / "witness.py").write_text("raise SystemExit(3)\n")
    path = tmp_path / "config.json"
    there = {"AutoModelForImageClassification": "witness.Net", "AutoConfig": "witness.Config"}
    write_json(path, json.loads(path.read_text()) | {"auto_map": there})
    assert read_model(ModelFile(tmp_path), FORM).model is not None


def test_a_model_for_larger_images_says_so(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path, "vit")
    large = FORM.model_copy(update={"input_shape": (1, 16, 16)})
    with pytest.raises(ModelError, match=r"cannot take inputs of \(1, 16, 16\).*--resize"):
        read_model(ModelFile(tmp_path), large)


def test_shards_are_read_and_none_from_elsewhere(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path, "vit")
    whole = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    names = sorted(whole)
    parts = {"a.safetensors": names[:3], "b.safetensors": names[3:]}
    for file, part in parts.items():
        save_file({name: whole[name] for name in part}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    write_json(index, {"weight_map": {n: file for file, part in parts.items() for n in part}})
    assert read_model(ModelFile(tmp_path), FORM).model is not None
    write_json(index, {"weight_map": dict.fromkeys(names, "../a.safetensors")})
    with pytest.raises(ModelError, match=r"found '../a.safetensors'"):
        read_model(ModelFile(tmp_path), FORM)


def test_a_timm_folder_answers_as_timm_does(tmp_path: Path) -> None:
    network = timm_folder(tmp_path / "m", "test_resnet")
    model = read_model(ModelFile(tmp_path / "m"), FORM).model
    assert model is not None
    assert (model.card.architecture, model.card.mean) == ("timm:test_resnet", MEAN)
    images = probes()
    with torch.no_grad():
        torch.testing.assert_close(model(images), network((images - MEAN[0]) / STD[0]))
    write_json(tmp_path / "m" / "config.json", {"architecture": "test_resnett"})
    with pytest.raises(ModelError, match="no model 'test_resnett'; did you mean 'test_resnet'"):
        read_model(ModelFile(tmp_path / "m"), FORM)


def test_a_folder_of_something_else_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config.json that names a model_type"):
        read_model(ModelFile(tmp_path), FORM)
    write_json(tmp_path / "config.json", {"model_type": "vit"})
    with pytest.raises(ModelError, match=r"expected weights in .*found none"):
        read_model(ModelFile(tmp_path), FORM)
