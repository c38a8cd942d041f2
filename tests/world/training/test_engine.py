"""The training engine: what a recipe promises is what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from arena.errors import ArenaError, BudgetExceeded
from arena.world import layers
from arena.world.compute import Compute
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Augment, Examples, Hook, Recipe, StepView, Trainer, soft


def fresh(task: Task) -> Model:
    return build(task.card, Rng(0))


def few(task: Task, n: int = 64) -> Examples:
    return Examples.of(task.splits.owner).select(torch.arange(n))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before: Mapping[str, Tensor], model: nn.Module) -> set[str]:
    return {name for name, t in model.state_dict().items() if not torch.equal(before[name], t)}


def test_training_teaches(trained: Model, task: Task) -> None:
    test = task.splits.test
    assert Compute().accuracy(trained, test.images, test.labels) > 0.9


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(steps=6),
        Recipe(steps=6, optimiser="sgd", lr=0.05, nesterov=True, schedule="cosine"),
        Recipe(steps=6, optimiser="rmsprop", schedule="exponential", gamma=0.9),
        Recipe(steps=6, augment=Augment(flip=True, crop=1, rotation=10, shift=0.1)),
        Recipe(steps=6, label_smoothing=0.1, clip=1.0, weight_decay=1e-3),
    ],
    ids=["adam", "sgd", "rmsprop", "augmented", "regularised"],
)
def test_the_same_seed_gives_the_same_bits(task: Task, recipe: Recipe) -> None:
    first, second, other = fresh(task), fresh(task), fresh(task)
    for model, seed in ((first, 1), (second, 1), (other, 2)):
        Trainer().train(model, few(task), recipe.but(batch=16), Rng(seed))
    assert first.digest() == second.digest()
    assert first.digest() != other.digest()


def test_global_randomness_is_neither_read_nor_moved(task: Task) -> None:
    models = [fresh(task), fresh(task)]
    for model, seed in zip(models, (5, 6), strict=True):
        torch.default_generator.manual_seed(seed)
        before = torch.random.get_rng_state()
        Trainer().train(model, few(task), Recipe(steps=3), Rng(1))
        assert torch.equal(torch.random.get_rng_state(), before)
    assert models[0].digest() == models[1].digest()


def test_the_last_layer_alone_trains_and_statistics_stand_still(task: Task) -> None:
    model = fresh(task)
    before = state(model)
    recipe = Recipe(steps=4, train="last", batch_norm="frozen")
    Trainer().train(model, few(task), recipe, Rng(0))
    head = layers.head(model, task.card.input_shape)
    assert changed(before, model) == {f"{head}.weight", f"{head}.bias"}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_statistics_drift_when_batch_norm_is_not_frozen(task: Task) -> None:
    model = fresh(task)
    before = state(model)
    Trainer().train(model, few(task), Recipe(steps=2, train="last"), Rng(0))
    assert any("running_mean" in name for name in changed(before, model))


def test_layers_train_by_name(task: Task) -> None:
    model = fresh(task)
    before = state(model)
    recipe = Recipe(steps=2, train=("body.conv1",), batch_norm="frozen")
    Trainer().train(model, few(task), recipe, Rng(0))
    assert {name.rpartition(".")[0] for name in changed(before, model)} == {"body.conv1"}


def test_unknown_layers_and_no_examples_are_said(task: Task) -> None:
    with pytest.raises(ArenaError, match="expected names of layers to train, found 'nope'"):
        Trainer().train(fresh(task), few(task), Recipe(train=("nope",)), Rng(0))
    with pytest.raises(ArenaError, match="expected examples to train on, found none"):
        Trainer().train(fresh(task), few(task, 0), Recipe(), Rng(0))


@pytest.mark.parametrize(("epochs", "steps", "expected"), [(3, None, 6), (3, 5, 5), (0, None, 0)])
def test_steps_are_counted(task: Task, epochs: int, steps: int | None, expected: int) -> None:
    recipe = Recipe(epochs=epochs, steps=steps, batch=32)
    assert Trainer().train(fresh(task), few(task), recipe, Rng(0)).n_steps == expected


class Purse:
    """A meter with room for a number of steps."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps, self.spent = n_steps, 0.0

    def charge(self, costs: Mapping[str, float]) -> None:
        if self.spent + costs.get("steps", 0) > self.n_steps:
            raise BudgetExceeded("steps", self.n_steps, 1)
        self.spent += costs.get("steps", 0)


def test_the_meter_stops_training_before_the_step(task: Task) -> None:
    meter = Purse(2)
    with pytest.raises(BudgetExceeded, match="the budget of 2 steps is spent"):
        Trainer(meter=meter).train(fresh(task), few(task), Recipe(steps=9), Rng(0))
    assert meter.spent == 2


def test_progress_is_heard(task: Task) -> None:
    heard: list[tuple[int, int]] = []
    trainer = Trainer(progress=lambda done, total: heard.append((done, total)))
    trainer.train(fresh(task), few(task), Recipe(steps=3), Rng(0))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_soft_and_hard_labels_of_certainty_train_alike(task: Task) -> None:
    hard, rows = fresh(task), fresh(task)
    examples = few(task)
    Trainer().train(hard, examples, Recipe(steps=3), Rng(0))
    targets = soft(examples.targets, 10)
    Trainer().train(rows, Examples(examples.images, targets), Recipe(steps=3), Rng(0))
    for name, tensor in hard.state_dict().items():
        torch.testing.assert_close(rows.state_dict()[name], tensor, atol=1e-4, rtol=1e-3)


def test_distillation_pulls_towards_the_teacher(task: Task, trained: Model) -> None:
    data = task.splits.thief
    teacher = Compute().logits(trained, data.images)
    student = build(task.card_for("mlp"), Rng(4))
    before = float((Compute().labels(student, data.images) == teacher.argmax(1)).double().mean())
    recipe = Recipe(epochs=10, loss="distillation", temperature=3.0)
    Trainer().train(student, Examples(data.images, teacher), recipe, Rng(0))
    after = float((Compute().labels(student, data.images) == teacher.argmax(1)).double().mean())
    assert after > before + 0.5


def test_early_stop_looks_at_held_out_examples(task: Task) -> None:
    recipe = Recipe(epochs=40, lr=1e-6, validation=0.25, patience=2)
    history = Trainer().train(fresh(task), few(task), recipe, Rng(0))
    assert 3 <= len(history.validation) < 40


class Twice(Hook):
    """Sends what the step is on through the model once more."""

    passes = 1


def test_every_pass_is_on_the_meter(task: Task) -> None:
    spent: Counter[str] = Counter()
    ledger = SimpleNamespace(charge=spent.update)
    recipe = Recipe(epochs=2, batch=16, validation=0.25, patience=9)
    Trainer(meter=ledger).train(fresh(task), few(task), recipe, Rng(0), hooks=[Twice()])
    n = len(few(task))
    n_held = n // 4
    trained = 2 * (n - n_held) * 2
    assert (spent["images_backward"], spent["images_forward"]) == (trained, trained + 2 * n_held)


class Spy(Hook):
    """Records what a hook is shown, and adds examples and a loss."""

    layers = ("body.relu1",)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.rows: list[tuple[int, int]] = []

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        self.calls.append("start")

    def examples(self, step: int) -> Examples:
        return Examples(torch.zeros(2, 1, 8, 8), torch.tensor([1, 2]))

    def loss(self, view: StepView) -> Tensor:
        self.calls.append("loss")
        self.rows.append((view.n_own, len(view.activations["body.relu1"])))
        return view.activations["body.relu1"].mean()

    def before_step(self, view: StepView) -> None:
        self.calls.append("before")
        assert view.model.get_parameter("body.fc2.weight").grad is not None

    def after_step(self, view: StepView) -> None:
        self.calls.append("after")


def test_hooks_see_and_shape_every_step(task: Task) -> None:
    spy = Spy()
    Trainer().train(fresh(task), few(task), Recipe(steps=2, batch=16), Rng(0), [spy])
    assert spy.calls == ["start", "loss", "before", "after", "loss", "before", "after"]
    assert spy.rows == [(16, 18), (16, 18)]


def test_a_satisfied_hook_ends_the_run_after_an_epoch(task: Task) -> None:
    class Done(Hook):
        def satisfied(self, model: nn.Module) -> bool:
            return True

    recipe = Recipe(epochs=5, batch=32)
    assert Trainer().train(fresh(task), few(task), recipe, Rng(0), [Done()]).n_steps == 2


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"lr": 0}, "greater than 0"),
        ({"epochs": -1}, "greater than or equal to 0"),
        ({"optimiser": "adamw"}, "'adam', 'sgd' or 'rmsprop'"),
        ({"augment": {"rotation": 400}}, "less than or equal to 180"),
    ],
)
def test_a_recipe_is_checked(fields: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Recipe().but(**fields)


def test_the_head_is_found_by_running_the_model(trained: Model) -> None:
    assert layers.head(trained, (1, 8, 8)) == "body.fc2"
    assert layers.weighted(trained, (1, 8, 8))[0] == "body.conv1"
    assert "body.relu1" in layers.activations(trained, (1, 8, 8))
