"""Stands for your own training: a small classifier of the bundled digits.

python make_model.py
"""

from pathlib import Path

from arena.world.data import load
from arena.world.models import ModelCard, build, save_model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe, Trainer

source = load("digits")
card = ModelCard(architecture="mlp", n_classes=10, input_shape=(1, 8, 8), mean=(0.5,), std=(0.5,))
model = build(card, Rng(0))
Trainer().train(model, Examples.of(source.train), Recipe(epochs=20), Rng(1))
save_model(model, Path("mine.safetensors"))
