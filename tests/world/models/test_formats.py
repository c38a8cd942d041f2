"""Headers of safetensors files: every lie is found before a tensor is read."""

import json
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from arena.errors import ModelError
from arena.world.models import ModelCard, build, load_model, pack
from arena.world.models.formats import _N_BYTES, foreign_format, read_header
from arena.world.rng import Rng

CARD = ModelCard(architecture="softmax", n_classes=2, input_shape=(3,), mean=(0.0,), std=(1.0,))
BLOB = pack(build(CARD, Rng(1))).to_bytes()


def write(path: Path, header: object, n_data: int, n_header: int | None = None) -> Path:
    """Write a file of `n_data` zero bytes behind a header, whose length may be a lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if n_header is None else n_header
    path.write_bytes(size.to_bytes(8, "little") + text + bytes(n_data))
    return path


def entry(begin: object, end: object, *shape: object, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_a_sound_header_gives_the_metadata(tmp_path: Path) -> None:
    header = {"__metadata__": {"data": "x"}, "b": entry(8, 12, 1), "a": entry(0, 8, 2, 1)}
    assert read_header(write(tmp_path / "m", header, 12)) == {"data": "x"}


@pytest.mark.parametrize("n_header", [0x80, 0x180, 0x280, 0x480])
def test_a_header_whose_length_begins_like_a_pickle_is_sound(tmp_path: Path, n_header: int) -> None:
    path = write(tmp_path / "m", b"{}".ljust(n_header), 0)
    assert path.read_bytes()[:1] == b"\x80"
    assert foreign_format(path) is None
    assert read_header(path) == {}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", [None, {}, {"a": 1}, [0] * 300, bytes(9)])
def test_every_pickle_is_told_from_a_header(tmp_path: Path, protocol: int, value: object) -> None:
    path = tmp_path / "m"
    path.write_bytes(pickle.dumps(value, protocol))
    assert foreign_format(path) == "a pickle"


def test_a_file_without_tensors_is_sound(tmp_path: Path) -> None:
    assert read_header(write(tmp_path / "m", {}, 0)) == {}


def test_empty_tensors_are_sound(tmp_path: Path) -> None:
    header = {"a": entry(0, 4, 1), "b": entry(4, 4, 0, 7), "c": entry(4, 8, 1)}
    assert read_header(write(tmp_path / "m", header, 8)) == {}


@pytest.mark.parametrize(
    ("header", "n_data", "words"),
    [
        ({"a": entry(0, 8, 2)}, 4, "truncated"),
        ({"a": entry(0, 8, 2)}, 9, "truncated or damaged"),
        ({"a": entry(0, 8, 3)}, 8, r"'a' of shape \(3,\) cannot lie in bytes 0 to 8"),
        ({"a": entry(8, 0, -2)}, 8, "cannot lie"),
        ({"a": entry(0, 8, -1, -2)}, 8, "cannot lie"),
        ({"a": entry(0, 8, 2.0)}, 8, "cannot lie"),
        ({"a": entry(0, 8, True, 2)}, 8, "cannot lie"),
        ({"a": entry(4, 12, 2)}, 12, "overlap or leave gaps"),
        ({"a": entry(0, 8, 2), "b": entry(4, 12, 2)}, 12, "overlap or leave gaps"),
        ({"a": entry(0, 2**33, 2**31)}, 0, r"claims 8.0 GiB.*at most 4 GiB"),
        ({"a": entry(0, 2**32 + 4, 2**30 + 1)}, 0, "claims 4.0 GiB"),
        ({"a": entry(0, 10**40, 10**40, dtype="U8")}, 0, "at most 4 GiB"),
        ({"a": entry(0, 8, 2, dtype="F31")}, 8, "'a' is unusable"),
        ({"a": {"dtype": "F32"}}, 8, "'a' is unusable"),
        ({"a": 3}, 8, "'a' is unusable"),
        ({"a": entry(0, "8", 2)}, 8, "cannot lie"),
        ([1, 2], 0, "not a table"),
        (b"{oh", 0, "not JSON"),
        (b"\xff\xfe", 0, "not JSON"),
        (b"[" * 100_000, 0, "not JSON"),
    ],
)
def test_a_lie_in_the_header_is_refused(
    tmp_path: Path, header: object, n_data: int, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        read_header(write(tmp_path / "m", header, n_data))


@pytest.mark.parametrize("n_header", [3, 2**24 + 1, 2**63])
def test_a_header_of_absurd_length_is_refused(tmp_path: Path, n_header: int) -> None:
    with pytest.raises(ModelError, match=r"no safetensors file, or a truncated one|not JSON"):
        read_header(write(tmp_path / "m", b"{}", 0, n_header))


@pytest.mark.parametrize("n_bytes", range(9))
def test_a_file_too_short_for_a_header_is_refused(tmp_path: Path, n_bytes: int) -> None:
    (tmp_path / "m").write_bytes(b"\x02" + bytes(8)[: n_bytes - 1] if n_bytes else b"")
    with pytest.raises(ModelError, match=r"no safetensors file"):
        read_header(tmp_path / "m")


def test_the_type_widths_are_those_of_safetensors(tmp_path: Path) -> None:
    types = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16]
    types += [torch.int32, torch.float32, torch.int64, torch.float64, torch.uint16, torch.uint64]
    types += [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint32]
    (tmp_path / "m").write_bytes(save({str(t): torch.zeros(3, dtype=t) for t in types}))
    assert read_header(tmp_path / "m") == {}
    assert len(types) == len(_N_BYTES)


def test_a_model_of_our_own_has_a_sound_header(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(BLOB)
    assert foreign_format(tmp_path / "m") is None
    assert list(read_header(tmp_path / "m")) == ["data"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n_kept=st.integers(0, len(BLOB) - 1))
def test_every_truncation_is_refused(tmp_path: Path, n_kept: int) -> None:
    (tmp_path / "m.safetensors").write_bytes(BLOB[:n_kept])
    with pytest.raises(ModelError):
        load_model(tmp_path / "m.safetensors")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(BLOB) - 1), value=st.integers(0, 255))
def test_a_changed_byte_gives_a_model_or_a_sentence(
    tmp_path: Path, position: int, value: int
) -> None:
    blob = bytearray(BLOB)
    blob[position] = value
    (tmp_path / "m.safetensors").write_bytes(bytes(blob))
    with suppress(ModelError):  # any other error fails the test
        model = load_model(tmp_path / "m.safetensors")
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_a_zip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.world.models.formats.MAX_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"")
        archive.writestr("m/data/0", bytes(10_001))
    with pytest.raises(ModelError, match=r"unpacks to more than"):
        foreign_format(tmp_path / "m.pt")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read"):
        foreign_format(tmp_path)
