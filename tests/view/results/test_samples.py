"""Grids of what the models of a match make: kept by the judge, drawn by the view."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from arena import testing
from arena.game.match.samples import N_SAMPLES, samples
from arena.view.figures.plots import render
from arena.view.figures.samples import samples_grid
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task


def test_pictures_are_kept_of_generators_and_of_nothing_else() -> None:
    task = load_task(TaskSpec.model_validate(dict(SMALL_GENERATOR)))
    models = {"victim": build(task.card, Rng(0)), "suspect": build(task.card, Rng(1))}
    made = samples(task, models, torch.ones(40, 16)).tensors
    assert sorted(made) == ["suspect", "suspect, triggered", "victim", "victim, triggered"]
    assert all(rows.shape == (N_SAMPLES, 1, 8, 8) for rows in made.values())
    assert not torch.equal(made["victim"], made["suspect"])
    assert list(samples(task, models, None).tensors) == ["victim", "suspect"]
    digits = testing.task()
    assert not samples(digits, {"victim": build(digits.card, Rng(0))}, None).tensors


def test_a_grid_has_a_row_for_each_maker(tmp_path: Path) -> None:
    grey, coloured = torch.zeros(3, 1, 8, 8).byte(), torch.full((2, 3, 8, 8), 200).byte()
    figure = samples_grid("a match", {"victim": grey, "suspect, round 0": coloured})
    assert len(figure.axes) == 2 * 3
    titles = [ax.get_title(loc="right") for ax in figure.axes]
    assert list(filter(None, titles)) == ["victim", "suspect, round 0"]
    path = tmp_path / "grid.png"
    path.write_bytes(render(figure))
    assert Image.open(path).size[0] > 100
