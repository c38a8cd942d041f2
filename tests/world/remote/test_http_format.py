"""What travels: both formats round-trip, and nothing else is believed."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena.errors import EndpointError
from arena.world.remote.http_format import (
    BatchForm,
    Wanted,
    read_answers,
    read_images,
    rows_of,
    write_answers,
    write_images,
)

FORMS: tuple[BatchForm, ...] = ("json", "npy")


@pytest.mark.parametrize("form", FORMS)
@given(n=st.integers(1, 4), sides=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_images_arrive_as_they_were_sent(form: BatchForm, n: int, sides: list[int]) -> None:
    images = torch.rand(n, *sides, generator=torch.Generator().manual_seed(n))
    assert torch.equal(read_images(write_images(images, form), form), images)


@pytest.mark.parametrize("form", FORMS)
def test_bytes_travel_as_floats(form: BatchForm) -> None:
    images = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    assert read_images(write_images(images, form), form).tolist() == [pytest.approx([0, 0.2, 1])]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "answers", [torch.tensor([[0.25, 0.75], [1.0, 0.0]]), torch.tensor([3, 0, 9])], ids=str
)
def test_answers_arrive_as_they_were_sent(form: BatchForm, answers: Tensor) -> None:
    found = read_answers(write_answers(answers, form), form)
    assert found.dtype == answers.dtype
    assert torch.equal(found, answers)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was run",))


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "blob"),
    [
        ("json", b""),
        ("json", b"<html>busy</html>"),
        ("json", b"[[0.5, 0.5]]"),
        ("json", b"null"),
        ("json", b'{"answers": [[0.5, 0.5]]}'),
        ("json", b'{"probabilities": [[0.5, 0.5], [1.0]]}'),
        ("json", b'{"probabilities": [["a", "b"]]}'),
        ("json", b'{"probabilities": {"a": 1}}'),
        ("json", b"[" * 100_000),
        ("json", b"\xff\xfe"),
        ("npy", b""),
        ("npy", b"\x93NUMPY\x01\x00"),
        ("npy", b'{"probabilities": [[0.5, 0.5]]}'),
        ("npy", npy(np.ones((2, 2)))[:-1]),
        ("npy", npy(np.array(["a"]))),
        ("npy", npy(np.array([Bomb()], dtype=object))),
        ("npy", pickle.dumps(Bomb())),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_other_bytes_are_one_sentence(form: BatchForm, blob: bytes) -> None:
    with pytest.raises(EndpointError, match="expected probabilities or labels as") as caught:
        read_answers(blob, form)
    assert "\n" not in str(caught.value)


def test_an_array_that_claims_more_than_it_holds_takes_no_memory() -> None:
    honest = npy(np.zeros(3, dtype=np.float32))
    lying = honest.replace(b"(3,), ", b"(9" + b"0" * 12 + b",), ")[: len(honest)]
    with pytest.raises(EndpointError):
        read_answers(lying, "npy")


@pytest.mark.parametrize(
    ("answers", "wanted", "rows"),
    [
        ([1, 0], "labels", [[0, 1, 0], [1, 0, 0]]),
        ([[0.2, 0.3, 0.5], [1, 0, 0]], "probabilities", [[0.2, 0.3, 0.5], [1, 0, 0]]),
        ([[0.33, 0.33, 0.33], [1, 0, 0]], "probabilities", [[0.33, 0.33, 0.33], [1, 0, 0]]),
        ([[-4.0, 9.0, 2.0], [1, 0, 0]], "labels", [[-4, 9, 2], [1, 0, 0]]),
    ],
)
def test_what_a_judge_can_read(
    answers: list[object], wanted: Wanted, rows: list[list[float]]
) -> None:
    assert torch.equal(rows_of(torch.tensor(answers), 2, 3, wanted), torch.tensor(rows).float())


@pytest.mark.parametrize(
    ("answers", "wanted", "sentence"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], "probabilities", "expected 2 rows of 3 probabilities"),
        ([[0.2, 0.3, 0.5]], "probabilities", r"found the shape \(1, 3\)"),
        ([0.1, 0.2], "labels", "expected 2 rows of 3 labels"),
        ([1], "labels", "expected 2 labels, found 1"),
        ([1, 3], "labels", "expected labels from 0 to 2, found 1 to 3"),
        ([-1, 2], "labels", "found -1 to 2"),
        ([1, 2], "probabilities", "found labels; try --access labels"),
        ([[-4.0, 9.0, 2.0], [1, 0, 0]], "probabilities", "found values from -4 to 9"),
        ([[0.2, 0.2, 0.2], [1, 0, 0]], "probabilities", "found a row of sum 0.6"),
        ([[0.5, 0.3, float("nan")], [1, 0, 0]], "probabilities", "not finite"),
        ([[0.5, 0.3, float("inf")], [1, 0, 0]], "labels", "not finite"),
    ],
)
def test_what_it_cannot_read_is_said(answers: list[object], wanted: Wanted, sentence: str) -> None:
    with pytest.raises(EndpointError, match=sentence):
        rows_of(torch.tensor(answers), 2, 3, wanted)


def test_a_model_of_many_classes_may_round_its_answers() -> None:
    rows = (torch.rand(5, 40, generator=torch.Generator().manual_seed(0)) * 3).softmax(1)
    rounded = (rows * 100).round() / 100
    assert not torch.allclose(rounded.sum(1), torch.ones(5), atol=1e-3)
    assert torch.equal(rows_of(rounded, 5, 40, "probabilities"), rounded)


def test_json_without_decimals_is_read_as_probabilities() -> None:
    blob = json.dumps({"probabilities": [[1, 0], [0, 1]]}).encode()
    assert read_answers(blob, "json").dtype == torch.float32


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("values", [[-1.0, 1.0], [0.0, 255.0], [0.5, 1.5], [-0.1, 0.5]])
def test_images_of_another_range_are_refused(form: BatchForm, values: list[float]) -> None:
    with pytest.raises(EndpointError, match=r"expected values in \[0, 1\], found .* divide bytes"):
        read_images(write_images(torch.tensor([values]), form), form)


@pytest.mark.parametrize("form", FORMS)
def test_images_that_are_not_finite_are_refused(form: BatchForm) -> None:
    with pytest.raises(EndpointError, match=r"expected values in \[0, 1\], found nan to nan"):
        read_images(write_images(torch.tensor([[0.5, float("nan")]]), form), form)


def test_bytes_are_divided_by_255() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[0, 51, 255]], dtype=np.uint8))
    assert read_images(buffer.getvalue(), "npy").tolist() == [pytest.approx([0, 0.2, 1])]
