"""Plain data, randomness, bundles."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import StoreError, did_you_mean
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen, Json, canonical, digest, from_json
from arena.world.rng import Rng

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_canonical_text_does_not_depend_on_the_order_of_keys(value: dict[str, Json]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical(value) == canonical(backwards)
    assert digest(value) == digest(backwards)


def test_nan_has_no_canonical_text() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"x": math.nan})


@given(JSON)
def test_what_was_written_is_read_as_it_was(value: Json) -> None:
    assert from_json(canonical(value)) == from_json(canonical(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[NaN]", "found NaN"),
        ('{"a": -Infinity}', "found -Infinity"),
        ("[1e999]", "found 1e999"),
        ("1" * 5000, "digits"),
        ("[1, ", "Expecting value"),
        (b"\xff", "decode"),
    ],
    ids=["lists", "tables", "nan", "infinity", "huge", "digits", "half", "bytes"],
)
def test_text_that_is_no_json_is_a_value_error(text: str | bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_json(text)


def test_a_stranger_s_settings_may_hold_infinity() -> None:
    assert from_json("[Infinity]", finite=False) == [math.inf]


def test_a_specification_is_immutable_and_refuses_unknown_fields() -> None:
    class Spec(Frozen):
        x: int = 1

    spec = Spec()
    with pytest.raises(ValueError, match="frozen"):
        spec.x = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="extra"):
        Spec(y=1)  # type: ignore[call-arg]


@given(st.integers(0, 2**63), st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_a_stream_is_the_same_at_every_making(seed: int, names: list[str]) -> None:
    first, again = Rng(seed).child(*names), Rng(seed).child(*names)
    assert first.integer() == again.integer()
    assert first.numpy().integers(1 << 60) == again.numpy().integers(1 << 60)
    assert torch.equal(
        torch.rand(4, generator=first.torch()), torch.rand(4, generator=again.torch())
    )


def test_streams_of_different_names_differ_and_need_no_order() -> None:
    names = [("a",), ("b",), ("a", "b"), ("ab",), ()]
    assert len({Rng(3).child(*name).integer() for name in names}) == len(names)


def test_nested_children_are_the_path_of_names() -> None:
    assert Rng(5).child("x").child("y").integer() == Rng(5).child("x", "y").integer()


def test_the_global_generators_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    Rng(1).torch()
    assert torch.equal(torch.random.get_rng_state(), before)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.integers(0, 3), st.integers(0, 5))
def test_a_bundle_comes_back_as_it_went(data: dict[str, object], rank: int, size: int) -> None:
    tensor = torch.arange(float(size**rank)).reshape((size,) * rank)
    bundle = Bundle(data, {"x": tensor, "y": torch.tensor([1, 2], dtype=torch.uint8)})
    again = Bundle.from_bytes(bundle.to_bytes())
    assert again.data == data
    assert torch.equal(again.tensors["x"], tensor)
    assert again.digest() == bundle.digest()


def test_a_strided_tensor_travels_by_value() -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    again = Bundle.from_bytes(Bundle(tensors={"x": whole.T}).to_bytes())
    assert torch.equal(again.tensors["x"], whole.T)


@pytest.mark.parametrize("blob", [b"", b"\x00" * 40, b"PK\x03\x04 not a bundle", b"\xff" * 16])
def test_damaged_bytes_are_refused_in_one_sentence(blob: bytes) -> None:
    with pytest.raises(StoreError, match="expected a bundle, found damaged bytes"):
        Bundle.from_bytes(blob)


def test_tensors_are_found_by_their_prefix() -> None:
    bundle = Bundle(tensors={"key/a": torch.ones(1), "keys": torch.ones(1)})
    assert list(bundle.prefixed("key")) == ["a"]


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("uchda", ["uchida", "adi"], "; did you mean 'uchida'?"),
        ("zzz", ["b", "a"], "; known are a, b"),
        ("zzz", [], ""),
    ],
)
def test_a_wrong_name_brings_a_suggestion(name: str, known: list[str], said: str) -> None:
    assert did_you_mean(name, known) == said
