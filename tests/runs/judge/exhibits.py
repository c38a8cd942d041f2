"""A person's models as files: a victim, its copy, strangers, and innocents to compare with."""

from __future__ import annotations

from pathlib import Path

import torch

from arena.game.sides.player import PlayerSpec
from arena.world.models import Model, build, save_model
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

FAST = {"method": "fgsm", "eps": 0.2, "n_seeds": 60, "n_whitebox": 2, "growth_steps": 100}
SCHEME = PlayerSpec(name="deepjudge", settings=FAST)
N_INNOCENTS = 6
_RECIPE = Recipe(epochs=10)


def make_exhibits(folder: Path) -> None:
    """Write victim, copy, strangers, `innocents/`, and the copy as a state dict (copy.pt)."""
    task = load_task(TaskSpec(model="mlp"))
    own, other = Examples.of(task.splits.owner), Examples.of(task.splits.other)
    trainer = Trainer(task.compute)

    def trained(seed: int, examples: Examples, recipe: Recipe = _RECIPE) -> Model:
        model = build(task.card, Rng(seed))
        trainer.train(model, examples, recipe, Rng(seed))
        return model

    victim = trained(0, own)
    copy = victim.copy()
    trainer.train(copy, other, Recipe(epochs=1), Rng(1))
    save_model(victim, folder / "victim.safetensors")
    save_model(copy, folder / "copy.safetensors")
    save_model(trained(2, other), folder / "stranger.safetensors")
    save_model(trained(3, other, Recipe(steps=4)), folder / "weak.safetensors")
    torch.save(copy.body.state_dict(), folder / "copy.pt")
    for i in range(N_INNOCENTS):
        name = f"innocents/{i}.safetensors"
        save_model(trained(10 + i, other if i % 2 else own), folder / name)
    for name, data in (("small", "breast-cancer"), ("five", "digits/0-4")):
        card = load_task(TaskSpec(model="mlp", data=data)).card
        save_model(build(card, Rng(3)), folder / f"{name}.safetensors")
