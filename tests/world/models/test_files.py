"""Model files: what is written comes back the same, what could run code is refused."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from arena.errors import ModelError
from arena.world.bundle import Bundle
from arena.world.models import (
    Model,
    ModelCard,
    build,
    load_model,
    load_state_dict_file,
    pack,
    save_model,
    unpack,
)
from arena.world.rng import Rng

CARD = ModelCard(
    architecture="mlp",
    arguments={"hidden": [6], "norm": "batch"},
    n_classes=3,
    input_shape=(5,),
    mean=(0.0,),
    std=(1.0,),
)


@pytest.fixture
def model() -> Model:
    return build(CARD, Rng(1))


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    save_model(model, tmp_path / "victim.safetensors")
    return tmp_path / "victim.safetensors"


# --- bundles ---

NORMS = st.sampled_from(["none", "batch"])
SMALL_CARDS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.just("mlp"),
        st.fixed_dictionaries(
            {}, optional={"hidden": st.lists(st.integers(1, 9), max_size=3), "norm": NORMS}
        ),
    ),
    st.tuples(
        st.just("cnn8"),
        st.fixed_dictionaries({}, optional={"width": st.integers(1, 6), "norm": NORMS}),
    ),
    st.tuples(st.just("lenet5"), st.fixed_dictionaries({}, optional={"norm": NORMS})),
    st.tuples(st.just("softmax"), st.just({})),
)


@settings(deadline=None, max_examples=40)
@given(
    what=SMALL_CARDS,
    shape=st.tuples(st.integers(1, 3), st.integers(4, 9), st.integers(4, 9)),
    n_classes=st.integers(2, 6),
    mean=st.floats(0, 1),
    std=st.floats(0.01, 2),
    seed=st.integers(0, 2**32),
)
def test_packing_and_unpacking_changes_nothing(
    what: tuple[str, dict[str, object]],
    shape: tuple[int, int, int],
    n_classes: int,
    mean: float,
    std: float,
    seed: int,
) -> None:
    name, arguments = what
    card = ModelCard(
        architecture=name,
        arguments=arguments,
        n_classes=n_classes,
        input_shape=shape,
        mean=(mean,),
        std=(std,) * shape[0],
    )
    model = build(card, Rng(seed))
    again = unpack(Bundle.from_bytes(pack(model).to_bytes()))
    x = torch.rand(3, *shape, generator=Rng(seed, ("x",)).torch())
    assert again.card == card
    assert again.digest() == model.digest()
    assert torch.equal(again(x), model(x))


def test_a_bundle_shares_no_memory_with_the_model(model: Model) -> None:
    before, bundle = model.digest(), pack(model)
    first = unpack(bundle)
    for tensor in bundle.tensors.values():
        tensor.zero_()
    assert model.digest() == before == first.digest()


@pytest.mark.parametrize("data", [{}, {"card": {"architecture": "mlp"}}, {"card": None}, []])
def test_a_bundle_without_a_valid_card_is_refused(model: Model, data: object) -> None:
    with pytest.raises(ModelError, match=r"card"):
        unpack(Bundle(data, pack(model).tensors))  # type: ignore[arg-type]


def test_an_unknown_architecture_is_refused(model: Model) -> None:
    plain = {**CARD.plain(), "architecture": "mpl"}
    with pytest.raises(ModelError, match=r"did you mean 'mlp'"):
        unpack(Bundle({"card": plain}, pack(model).tensors))


# --- save and load ---


def test_a_saved_model_comes_back_the_same(model: Model, saved: Path) -> None:
    assert load_model(saved).digest() == model.digest()


def test_the_card_beside_the_weights_can_be_read(model: Model, saved: Path) -> None:
    beside = json.loads(saved.with_name("victim.card.json").read_text())
    assert ModelCard.read(beside["card"]) == CARD
    assert beside["n_parameters"] == model.n_parameters
    assert len(beside["sha256"]) == 64


def test_nothing_but_the_two_files_is_left(saved: Path) -> None:
    names = sorted(path.name for path in saved.parent.iterdir())
    assert names == ["victim.card.json", "victim.safetensors"]


def test_the_weights_alone_are_enough(model: Model, saved: Path) -> None:
    saved.with_name("victim.card.json").unlink()
    assert load_model(saved).digest() == model.digest()


def test_saving_again_replaces_both_files(saved: Path) -> None:
    other = build(CARD, Rng(2))
    save_model(other, saved)
    assert load_model(saved).digest() == other.digest()


def test_folders_are_made(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a" / "b.safetensors")
    assert load_model(tmp_path / "a" / "b.safetensors").digest() == model.digest()


def test_a_failed_save_keeps_the_old_weights(
    model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelError, match=r"cannot be written.*No space left"):
        save_model(build(CARD, Rng(2)), saved)
    assert load_model(saved).digest() == model.digest()
    assert [path.name for path in saved.parent.iterdir()] == ["victim.safetensors"]


def test_only_safetensors_are_written(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"saved as .safetensors files"):
        save_model(model, tmp_path / "victim.pt")


def test_weights_that_are_not_those_of_the_card_file_are_refused(saved: Path) -> None:
    card_file = saved.with_name("victim.card.json")
    card = card_file.read_bytes()
    save_model(build(CARD, Rng(2)), saved)
    card_file.write_bytes(card)
    with pytest.raises(ModelError, match=r"not the file that victim.card.json describes"):
        load_model(saved)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"card": {}}'])
def test_a_damaged_card_file_is_refused(saved: Path, content: str) -> None:
    saved.with_name("victim.card.json").write_text(content)
    with pytest.raises(ModelError, match=r"not a model's card; delete it"):
        load_model(saved)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read.*check the path"):
        load_model(tmp_path / "nothing.safetensors")


def test_nan_weights_in_a_file_are_refused(model: Model, tmp_path: Path) -> None:
    model.get_parameter("body.fc1.weight").data[0, 0] = float("nan")
    save_model(model, tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match=r"body.fc1.weight holds NaN"):
        load_model(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("metadata", [{"data": "no json"}, {"data": "3"}, {"data": "[" * 9000}])
def test_unreadable_plain_data_are_refused(
    model: Model, tmp_path: Path, metadata: dict[str, str]
) -> None:
    save_file(model.state_dict(), tmp_path / "m.safetensors", metadata)
    with pytest.raises(ModelError):
        load_model(tmp_path / "m.safetensors")


# --- formats of other people ---


class _Bomb:
    """A pickle of it would run code when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.witness,)


def _whole_module(path: Path) -> None:
    torch.save(nn.Linear(2, 2), path)


def _bomb_in_a_checkpoint(path: Path) -> None:
    torch.save({"fc": _Bomb(path.with_name("witness"))}, path)


def _plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"fc": _Bomb(path.with_name("witness"))}))


def _old_checkpoint(path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=False)


def _torchscript(path: Path) -> None:
    traced = torch.fx.symbolic_trace(nn.Linear(2, 2))
    torch.jit.save(torch.jit.trace(traced, torch.zeros(1, 2)), path)


def _exported(path: Path) -> None:
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)


def _not_a_model(path: Path) -> None:
    path.write_bytes(b"hello")


def _half_a_zip(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and no more")


REFUSED_BY_BOTH = [
    (_plain_pickle, "is a pickle.*is refused"),
    (_old_checkpoint, "is a pickle.*is refused"),
    (_torchscript, "is a TorchScript archive.*is refused"),
    (_exported, r"is an exported program \(.pt2\).*is refused"),
    (_not_a_model, "no safetensors file"),
    (_half_a_zip, "damaged zip archive"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("write", "words"), REFUSED_BY_BOTH)
def test_other_formats_are_refused_with_the_reason(write, words: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "model.pt"
    write(path)
    for load in (load_model, lambda path: load_state_dict_file(path, CARD)):
        with pytest.raises(ModelError, match=words):
            load(path)
    assert not (tmp_path / "witness").exists()


@pytest.mark.parametrize("write", [_whole_module, _bomb_in_a_checkpoint])
def test_a_checkpoint_with_code_is_refused_and_not_run(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "model.pt"
    write(path)
    with pytest.raises(ModelError, match=r"a torch.save checkpoint.*load_state_dict_file"):
        load_model(path)
    with pytest.raises(ModelError, match=r"more than tensors.*save model.state_dict\(\)"):
        load_state_dict_file(path, CARD)
    assert not (tmp_path / "witness").exists()


# --- plain state dicts ---


@pytest.mark.parametrize("with_prefix", [True, False])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_plain_state_dict_is_imported(
    model: Model, tmp_path: Path, suffix: str, with_prefix: bool
) -> None:
    path = tmp_path / f"weights{suffix}"
    state = (model if with_prefix else model.body).state_dict()
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    assert load_state_dict_file(path, CARD).digest() == model.digest()


def test_safetensors_without_a_card_say_where_to_turn(model: Model, tmp_path: Path) -> None:
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match=r"no card.*use load_state_dict_file"):
        load_model(tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"layers": {"fc": torch.zeros(2)}, "epoch": 3}, "other values in layers, epoch"),
        ({"model": {"fc": torch.zeros(2)}, "epoch": 3}, "unknown are body.fc"),
        ([torch.zeros(2)], "should hold a table of named tensors"),
        ({1: torch.zeros(2)}, "should hold a table of named tensors"),
        ({"fc1.weight": torch.zeros(6, 5)}, "missing are body.fc1.bias"),
        ({"fc9.weight": torch.zeros(6, 5)}, "unknown are body.fc9.weight"),
    ],
)
def test_a_checkpoint_of_another_form_is_refused(
    content: object, words: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=words):
        load_state_dict_file(tmp_path / "weights.pt", CARD)
