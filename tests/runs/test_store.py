"""The artefact store: whole steps or none, whoever wrote into its folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.runs.store import Store, sealed, unsealed
from arena.world.bundle import Bundle

STEP, OTHER = "aa" + "0" * 62, "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two finished steps; nothing of them is in its memory."""
    made = Store(tmp_path / "artefacts")
    made.save(STEP, {"judgement": Bundle({"caught": True}), "key": Bundle({"bits": [1]})})
    made.save(OTHER, {"judgement": Bundle({"caught": False})})
    return Store(made.root)


LISTS = ["{}", "[]", "5", "null", "", '"done"', "{", '{"parts": 5}', '{"parts": {}}', "[" * 5000]


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_parts_that_is_none_makes_the_step_unmade(store: Store, text: str) -> None:
    store.path(STEP, "done").write_text(text)
    assert not store.has(STEP)
    assert store.load(STEP, "judgement") is None


def test_a_list_that_leaves_a_part_out_makes_the_step_unmade(store: Store) -> None:
    path = store.path(STEP, "done")
    sums = unsealed(STEP, path.read_bytes())
    assert sums is not None
    assert set(sums) == {"judgement", "key"}
    cut = path.read_bytes().replace(f',"key":"{sums["key"]}"'.encode(), b"")
    assert len(cut) < len(path.read_bytes())
    path.write_bytes(cut)
    assert not store.has(STEP)


def test_a_judgement_of_another_step_with_its_list_is_not_believed(store: Store) -> None:
    for part in ("judgement", "done"):
        store.path(STEP, part).write_bytes(store.path(OTHER, part).read_bytes())
    assert not store.has(STEP)
    assert store.load(STEP, "judgement") is None


def test_a_part_that_is_swapped_alone_is_not_believed(store: Store) -> None:
    store.path(STEP, "judgement").write_bytes(store.path(OTHER, "judgement").read_bytes())
    assert store.load(STEP, "judgement") is None
    assert not store.has(STEP)


@pytest.mark.parametrize("part", ["judgement", "done"])
def test_a_folder_in_the_place_of_a_part_gets_a_sentence(store: Store, part: str) -> None:
    store.path(STEP, part).unlink()
    store.path(STEP, part).mkdir()
    assert not store.has(STEP)
    assert store.load(STEP, "judgement") is None
    with pytest.raises(StoreError, match=f"{STEP}.{part} .*remove what is in its place"):
        store.save(STEP, {"judgement": Bundle()})


def test_a_folder_in_the_place_of_a_lock_gets_a_sentence(store: Store) -> None:
    (store.root / "locks" / STEP).mkdir()
    with pytest.raises(StoreError, match="expected a file that can be written"), store.lock(STEP):
        pass


def test_files_follow_the_umask_and_keys_are_the_owners_alone(store: Store) -> None:
    before = os.umask(0o027)
    try:
        store.save(STEP, {"judgement": Bundle(), "key": Bundle()})
    finally:
        os.umask(before)
    modes = {
        part: stat.S_IMODE(store.path(STEP, part).stat().st_mode)
        for part in ("judgement", "key", "done")
    }
    assert modes == {"judgement": 0o640, "key": 0o600, "done": 0o640}


def test_a_list_is_bound_to_its_step_and_its_sums() -> None:
    blob = sealed(STEP, {"model": "ff"})
    assert unsealed(STEP, blob) == {"model": "ff"}
    assert unsealed(OTHER, blob) is None
    assert unsealed(STEP, blob.replace(b"ff", b"fe")) is None


def test_all_parts_of_a_step_are_read_as_they_were_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    parts = {"report": Bundle({"n": 1}), "key": Bundle({"n": 2})}
    store.save("ab", parts)
    assert store.blobs("ab") == {part: bundle.to_bytes() for part, bundle in parts.items()}
    assert store.blobs("cd") is None


def test_a_step_with_a_damaged_part_is_not_given_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("ab", {"report": Bundle({"n": 1}), "key": Bundle({"n": 2})})
    store.path("ab", "key").write_bytes(b"other")
    assert store.blobs("ab") is None
    assert not store.has("ab")
