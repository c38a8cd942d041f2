"""What `--executor` may say."""

from __future__ import annotations

import importlib.util

import pytest

from arena.errors import ExecutorError
from arena.runs.executors.ray_options import RayOptions, read_executor

HERE = importlib.util.find_spec("arena")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray looks installed, whether or not it is: what is said is read without it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: HERE)


def test_local_is_this_machine() -> None:
    assert read_executor("local", "cpu", 3) is None


@pytest.mark.parametrize(
    ("text", "device", "options"),
    [
        ("ray", "cpu", RayOptions()),
        ("ray", "cuda", RayOptions(gpus=1.0)),
        ("ray://head:10001", "cpu", RayOptions(address="ray://head:10001")),
        ("ray?cpus=2&gpus=0.25", "cuda", RayOptions(cpus=2.0, gpus=0.25)),
        ("ray://head:1?gpus=0", "cuda", RayOptions(address="ray://head:1")),
        ("ray?shared=no", "cpu", RayOptions(shared=False)),
    ],
)
def test_a_step_takes_what_is_asked_for(text: str, device: str, options: RayOptions) -> None:
    assert read_executor(text, device, None) == options


@pytest.mark.parametrize(
    "text", ["", "rey", "ray://", "ray?gpu=1", "ray?shared=maybe", "dask://head", "ray#1"]
)
def test_another_executor_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ExecutorError, match=r"expected an executor of local, ray or ray://HOST"):
        read_executor(text, "cpu", None)


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "many", "nan", "inf", ""])
def test_an_amount_of_cores_that_ray_does_not_give_is_refused(amount: str) -> None:
    with pytest.raises(ExecutorError, match="expected cpus as a whole number or a fraction"):
        read_executor(f"ray?cpus={amount}", "cpu", None)


def test_without_ray_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"try pip install 'copyright-arena\[ray\]'"):
        read_executor("ray", "cpu", None)
