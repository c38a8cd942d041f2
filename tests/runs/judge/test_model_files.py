"""Models that a person brings: what is read, and why the rest is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from arena.errors import ModelError
from arena.runs.judge.model_files import (
    ModelFile,
    check_suspect,
    check_victim,
    given_innocents,
    load_exhibit,
)
from arena.world.kinds.language import SMALL_WRITER
from arena.world.models import build, save_model
from arena.world.models.loaders import card_in_words
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task


@pytest.fixture(scope="module")
def digits() -> Task:
    return load_task(TaskSpec(model="mlp"))


def test_the_task_says_what_the_words_leave_open(digits: Task) -> None:
    card = card_in_words("lenet5", digits.card)
    assert (card.architecture, card.arguments) == ("lenet5", {})
    assert (card.n_classes, card.input_shape) == (10, (1, 8, 8))
    assert (card.mean, card.std) == (digits.card.mean, digits.card.std)


def test_words_may_hold_arguments_and_constants(digits: Task) -> None:
    words = 'mlp, hidden = [32, 16], norm = "batch", mean = 0.5, std = [0.25], n_classes = 5'
    card = card_in_words(words, digits.card)
    assert card.arguments == {"hidden": [32, 16], "norm": "batch"}
    assert (card.mean, card.std, card.n_classes) == ((0.5,), (0.25,), 5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("mlp, norm", "expected an architecture like 'lenet5'"),
        ("mlp, norm = batch", "expected an architecture like 'lenet5'"),
        ('mlp, mean = "dark"', "mean"),
        ("mlp, std = 0", "std is above 0"),
        ("mlp, n_classes = 1", "n_classes lies in"),
    ],
)
def test_words_that_cannot_be_meant(digits: Task, words: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence) as caught:
        card_in_words(words, digits.card)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["pt", "pth", "safetensors"])
def test_a_state_dict_is_read_into_a_named_network(
    digits: Task, tmp_path: Path, suffix: str
) -> None:
    model = build(digits.card, Rng(0))
    path, state = tmp_path / f"model.{suffix}", model.body.state_dict()
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    assert load_exhibit(ModelFile(path, "victim", "mlp"), digits).digest() == model.digest()
    with pytest.raises(ModelError, match="with --victim-architecture"):
        load_exhibit(ModelFile(path, "victim"), digits)


def test_a_file_with_a_card_needs_no_name(digits: Task, tmp_path: Path) -> None:
    model = build(digits.card, Rng(0))
    save_model(model, tmp_path / "model.safetensors")
    file = ModelFile(tmp_path / "model.safetensors", "suspect")
    assert load_exhibit(file, digits).digest() == model.digest()


Write = Callable[[Path, torch.nn.Module], None]


def _pickled(path: Path, model: torch.nn.Module) -> None:
    path.write_bytes(pickle.dumps(model.state_dict()))


def _scripted(path: Path, model: torch.nn.Module) -> None:
    path.write_bytes(b"")
    with torch.no_grad():
        torch.jit.trace(model, torch.zeros(1, 1, 8, 8)).save(str(path))


@pytest.mark.parametrize("architecture", ["", "mlp"])
@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (_pickled, "is a pickle, whose loader can run code"),
        pytest.param(
            _scripted,
            "is a TorchScript archive, whose loader can run code",
            marks=pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
        ),
    ],
)
def test_what_can_carry_code_is_refused(
    digits: Task, tmp_path: Path, architecture: str, write: Write, sentence: str
) -> None:
    write(tmp_path / "model.pt", build(digits.card, Rng(0)).body)
    with pytest.raises(ModelError, match=sentence) as caught:
        load_exhibit(ModelFile(tmp_path / "model.pt", "suspect", architecture), digits)
    assert "name the network with --suspect-architecture" in str(caught.value)


def test_a_whole_model_is_never_unpickled(digits: Task, tmp_path: Path) -> None:
    torch.save(build(digits.card, Rng(0)), tmp_path / "whole.pt")
    with pytest.raises(ModelError, match=r"holds more than tensors .*reading it could run code"):
        load_exhibit(ModelFile(tmp_path / "whole.pt", "suspect", "mlp"), digits)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.safetensors", None, "cannot be read"),
        ("text.safetensors", b"hello", "is no safetensors file"),
        ("cut.pt", b"PK\x03\x04", "is a damaged zip archive"),
    ],
)
def test_a_file_that_is_no_model(
    digits: Task, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        load_exhibit(ModelFile(tmp_path / name, "victim"), digits)


def test_tensors_of_another_network_are_named(digits: Task, exhibits: Path) -> None:
    with pytest.raises(ModelError, match="the tensors are not those of cnn8"):
        load_exhibit(ModelFile(exhibits / "copy.pt", "suspect", "cnn8"), digits)
    with pytest.raises(ModelError, match="no architecture is named 'mpl'; did you mean 'mlp'"):
        load_exhibit(ModelFile(exhibits / "copy.pt", "suspect", "mpl"), digits)


def test_a_victim_must_be_of_the_data_and_have_gradients(digits: Task) -> None:
    other = load_task(TaskSpec(model="mlp", data="breast-cancer"))
    with pytest.raises(ModelError, match=r"for breast-cancer \(inputs \(30,\), 2 classes\)"):
        check_victim(build(digits.card, Rng(0)), other)
    with pytest.raises(ModelError, match="expected a victim with gradients"):
        check_victim(build(digits.card_for("tree"), Rng(0)), digits)
    text = load_task(TaskSpec.model_validate(SMALL_WRITER))
    with pytest.raises(ModelError, match=r"expected a classifier .* found a language model"):
        check_victim(build(text.card, Rng(0)), text)
    check_victim(build(digits.card, Rng(0)), digits)


def test_a_suspect_must_take_the_same_images_and_answer_for_the_same_classes(digits: Task) -> None:
    victim = build(digits.card, Rng(0))
    rows = build(load_task(TaskSpec(model="mlp", data="breast-cancer")).card, Rng(0))
    five = build(digits.card.model_copy(update={"n_classes": 5}), Rng(0))
    with pytest.raises(ModelError, match=r"for inputs \(1, 8, 8\) as the victim takes"):
        check_suspect(rows, victim, outputs_only=False)
    with pytest.raises(ModelError, match=r"of 10 classes .* found 5; try --access weights"):
        check_suspect(five, victim, outputs_only=True)
    check_suspect(five, victim, outputs_only=False)


def test_given_innocents(exhibits: Path, digits: Task, tmp_path: Path) -> None:
    victim = load_exhibit(ModelFile(exhibits / "victim.safetensors", "victim"), digits)
    assert len(given_innocents(exhibits / "innocents", victim, 3)) == 6
    with pytest.raises(ModelError, match=r"at least 7 innocents .* found 6"):
        given_innocents(exhibits / "innocents", victim, 7)
    with pytest.raises(ModelError, match="found 0 in"):
        given_innocents(tmp_path / "nowhere", victim, 3)
    save_model(victim, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match="found the victim itself in"):
        given_innocents(tmp_path, victim, 1)
    five = build(digits.card.model_copy(update={"n_classes": 5}), Rng(0))
    save_model(five, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"and 10 classes, found \(1, 8, 8\) and 5 in"):
        given_innocents(tmp_path, victim, 1)
