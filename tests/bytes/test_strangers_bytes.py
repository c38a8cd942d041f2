"""Any bytes are read or refused in one sentence; seeded with bytes that readers fell over."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import ArenaError, InvalidDeliverable, ModelError, StoreError
from arena.game.rules.keys import Key
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import PlayerSpec
from arena.runs.store import unsealed
from arena.world.bundle import Bundle
from arena.world.models import ModelCard, build, load_model, load_state_dict_file, pack
from arena.world.models.formats import foreign_format
from arena.world.remote.http_format import BatchForm, read_answers, read_images
from arena.world.rng import Rng

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("crash-*.bin"))
MODELS = [path for path in FILES if "meta" not in path.name]
METAS = [path for path in FILES if "meta" in path.name]
CARD = ModelCard(architecture="softmax", n_classes=3, input_shape=(8,), mean=(0.5,), std=(0.25,))
TINY = build(CARD, Rng(0))


def read_model(path: Path) -> None:
    """Read a file in every way that a model's file is read."""
    for read in (foreign_format, load_model, lambda file: load_state_dict_file(file, CARD)):
        with contextlib.suppress(ModelError):
            read(path)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_damaged_zip_gets_a_sentence(path: Path) -> None:
    with pytest.raises(ModelError):
        load_model(path)
    read_model(path)


@pytest.mark.parametrize("path", METAS, ids=lambda path: path.stem)
def test_data_that_are_no_deliverable_get_a_sentence(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    with pytest.raises(InvalidDeliverable):
        Deliverable.read(Bundle(data))


@st.composite
def mutants(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Draw bytes that differ from whole ones in a few places."""
    blob = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(blob) - 1, 0)))
        end = at + draw(st.sampled_from([0, 1, 1, 4, 40]))
        blob[at:end] = draw(st.binary(max_size=6))
    return bytes(blob)


def _whole_models() -> list[bytes]:
    return [path.read_bytes() for path in MODELS]


@given(blob=mutants(st.sampled_from(_whole_models())) | st.binary(max_size=200))
def test_any_bytes_as_a_model_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, blob: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "stranger.bin"
    path.write_bytes(blob)
    read_model(path)


@given(data=st.data())
def test_a_mutated_model_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "stranger.safetensors"
    path.write_bytes(data.draw(mutants(st.just(pack(TINY).to_bytes()))))
    read_model(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["parts", "model", "key", "earlier", "serving", "wrappers", "card", "defense", "name",
             "scheme", "seed", "settings", "architecture", "\0"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(data=st.dictionaries(st.sampled_from(["parts", "defense", "x"]), JSON, max_size=3))
def test_any_data_are_a_deliverable_or_refused(data: dict[str, object]) -> None:
    with contextlib.suppress(InvalidDeliverable):
        Deliverable.read(Bundle(data))


@given(data=st.data())
def test_a_mutated_deliverable_is_read_or_refused(data: st.DataObject) -> None:
    claim = Claim(PlayerSpec(name="uchida"), Key("uchida", "ab", {"n_bits": 3}))
    blob = Deliverable(TINY, claim=claim).bundle().to_bytes()
    with contextlib.suppress(StoreError, InvalidDeliverable):
        Deliverable.read(Bundle.from_bytes(data.draw(mutants(st.just(blob)))))


@given(blob=st.binary(max_size=60) | mutants(st.just(b'{"step":"a","parts":{"m":"f"},"seal":"0"}')))
def test_any_bytes_as_a_list_of_parts_are_no_list(blob: bytes) -> None:
    assert unsealed("a", blob) is None


@given(blob=st.binary(max_size=200) | mutants(st.just(b'{"images": [[0.5, 0.25]]}')))
@pytest.mark.parametrize("form", get_args(BatchForm))
def test_any_bytes_over_the_wire_are_read_or_refused(form: BatchForm, blob: bytes) -> None:
    for read in (read_images, read_answers):
        with contextlib.suppress(ArenaError):
            read(blob, form)
