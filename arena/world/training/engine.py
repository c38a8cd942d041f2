"""The one training engine: victims, innocents, marks, attacks and copies are trained here."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from arena.errors import ArenaError, did_you_mean
from arena.world import layers
from arena.world.compute import Compute
from arena.world.kinds.kind import Objective
from arena.world.models import Model
from arena.world.models.calls import captured
from arena.world.models.registry import fit_of
from arena.world.quick_pool import quick_pools
from arena.world.rng import Rng
from arena.world.training.augment import augmented
from arena.world.training.gradient_free import fit_whole
from arena.world.training.hooks import Free, Hook, Meter, Progress, StepView
from arena.world.training.recipe import Examples, Recipe


@dataclass
class History:
    """What happened: mean loss an epoch, validation figure an epoch, steps made."""

    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    n_steps: int = 0


@dataclass(frozen=True)
class Trainer:
    """Trains on a device and charges a meter before each step."""

    compute: Compute = field(default_factory=Compute)
    meter: Meter = field(default_factory=Free)
    progress: Progress = lambda done, total: None

    def train(
        self,
        model: Model,
        examples: Examples,
        recipe: Recipe,
        rng: Rng,
        hooks: Sequence[Hook] = (),
    ) -> History:
        """Train a model in place, leave it in eval mode, and return what happened.

        Args:
            model: the caller's own model.
            examples: (N, *input_shape) images with classes (N,) or rows (N, C).
            recipe: how.
            rng: order of the batches, augmentation, dropout and what the hooks draw.
            hooks: what a watermark or an attack adds.

        Raises:
            ArenaError: no examples, or nothing to train.
            BudgetExceeded: the meter refuses a step; the model stays as the last step left it.
        """
        if not len(examples):
            raise ArenaError("expected examples to train on, found none; grant more data")
        fit = fit_of(model.card.architecture)
        if fit is not None:
            self.meter.charge({"steps": 1, "images_forward": len(examples)})
            fit_whole(fit, model, examples, recipe, rng.child("fit"), hooks)
            return History(n_steps=1)
        with dropout_from(rng, self.compute):
            return _Run(self, model, examples, recipe, rng, tuple(hooks)).run()


@contextlib.contextmanager
def dropout_from(rng: Rng, compute: Compute) -> Iterator[None]:
    """Let dropout, which takes no generator, draw from a stream; the global one is put back."""
    devices = [torch.cuda.current_device()] if compute.device == "cuda" else []
    stream = rng.child("dropout")
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.set_state(stream.torch().get_state())
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(stream.integer())
        yield


class _Run:
    """One run of training: the state that its steps share."""

    def __init__(
        self,
        trainer: Trainer,
        model: Model,
        examples: Examples,
        recipe: Recipe,
        rng: Rng,
        hooks: tuple[Hook, ...],
    ) -> None:
        self.trainer, self.model, self.recipe, self.hooks = trainer, model, recipe, hooks
        self.compute = trainer.compute
        self.own, self.held_out = _held_out(examples, recipe, rng)
        self.own = self.own.to(self.compute.device)
        self.generator = rng.child("batches").torch(self.compute.device)
        self.compute.place(model)
        for i, hook in enumerate(hooks):
            hook.start(model, rng.child("hook", i), self.compute.device)
        self.parameters = trainable(model, recipe)
        self.objectives = model.kind.objectives(
            model, self.parameters, recipe, rng.child("objectives"), self.compute
        )
        self.optimisers = [
            make_optimiser(objective.parameters, recipe, objective.betas)
            for objective in self.objectives
        ]
        self.layers = sorted({name for hook in hooks for name in hook.layers})
        self.per_epoch = max(1, math.ceil(len(self.own) / recipe.batch))
        self.n_steps = recipe.epochs * self.per_epoch if recipe.steps is None else recipe.steps
        self.history = History()

    def run(self) -> History:
        frozen = _frozen_parameters(self.model, self.parameters)
        try:
            with quick_pools(self.model):
                for _ in range(math.ceil(self.n_steps / self.per_epoch)):
                    self._epoch()
                    if self._stop():
                        break
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)
            self.model.eval()
        return self.history

    def _epoch(self) -> None:
        _train_mode(self.model, self.recipe)
        n = len(self.own)
        order = torch.randperm(n, generator=self.generator, device=self.compute.device)
        total = torch.zeros((), device=self.compute.device)
        done = 0
        for index in torch.split(order, self.recipe.batch):
            if self.history.n_steps >= self.n_steps:
                break
            total += self._step(self.own.select(index))
            done += 1
        self.history.losses.append(float(total) / max(done, 1))

    def _step(self, batch: Examples) -> Tensor:
        view = self._view(batch)
        self.trainer.meter.charge(self._costs(len(view.inputs)))
        factor = learning_rate_factor(self.recipe, view.step, self.n_steps, self.per_epoch)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.lr * factor
        *opponents, own = zip(self.objectives, self.optimisers, strict=True)
        own[1].zero_grad(set_to_none=True)
        with captured(self.model, self.layers) as seen, self.compute.autocast():
            view.outputs = self.model.kind.forward(self.model, view.inputs, view.targets)
            view.activations = seen
            for objective, optimiser in opponents:
                self._learn(objective, optimiser, view)
            loss = own[0].loss(view)
            for extra in (hook.loss(view) for hook in self.hooks):
                loss = loss if extra is None else loss + extra
        loss.backward()
        for hook in self.hooks:
            hook.before_step(view)
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        own[1].step()
        for hook in self.hooks:
            hook.after_step(view)
        self.history.n_steps += 1
        self.trainer.progress(self.history.n_steps, self.n_steps)
        return loss.detach()

    def _learn(
        self, objective: Objective, optimiser: torch.optim.Optimizer, view: StepView
    ) -> None:
        """Let an opponent of the model make its step."""
        optimiser.zero_grad(set_to_none=True)
        objective.loss(view).backward()
        optimiser.step()

    def _costs(self, n: int) -> dict[str, int]:
        own = sum(objective.passes for objective in self.objectives)
        passes = own + sum(hook.passes for hook in self.hooks)
        seen = {"images_forward": n * passes, "images_backward": n * passes}
        return {"steps": len(self.objectives), **seen}

    def _view(self, batch: Examples) -> StepView:
        step, kind = self.history.n_steps, self.model.kind
        images = self.compute.inputs(self.model, batch.images)
        images = augmented(images, self.recipe.augment, self.generator)
        batch = kind.batch(Examples(images, batch.targets), self.model.card, self.generator)
        n_own = len(batch)
        for extra in (hook.examples(step) for hook in self.hooks):
            if extra is not None:
                inputs = self.compute.inputs(self.model, extra.images)
                batch = batch.joined(Examples(inputs, extra.targets))
        empty = batch.images.new_zeros(0)
        return StepView(self.model, step, self.n_steps, batch.images, batch.targets, empty, n_own)

    def _stop(self) -> bool:
        if self.hooks and all(hook.satisfied(self.model) for hook in self.hooks):
            return True
        if self.held_out is None or not self.recipe.patience:
            return False
        self.trainer.meter.charge({"images_forward": len(self.held_out)})
        scores = self.history.validation
        scores.append(self.model.kind.validate(self.model, self.held_out, self.compute))
        return len(scores) - 1 - scores.index(max(scores)) >= self.recipe.patience


def _held_out(examples: Examples, recipe: Recipe, rng: Rng) -> tuple[Examples, Examples | None]:
    n_held = int(len(examples) * recipe.validation)
    if not n_held:
        return examples, None
    order = torch.randperm(len(examples), generator=rng.child("validation").torch())
    return examples.select(order[n_held:]), examples.select(order[:n_held])


def trainable(model: Model, recipe: Recipe) -> list[nn.Parameter]:
    """Return the parameters that a recipe trains.

    Raises:
        ArenaError: the recipe names a layer that the model has not, or nothing that can be trained.
    """
    if recipe.train == "all":
        chosen = list(model.parameters())
    else:
        names = (model.kind.head(model),) if recipe.train == "last" else recipe.train
        modules = dict(model.named_modules())
        unknown = [name for name in names if name not in modules]
        if unknown:
            hint = did_you_mean(unknown[0], [name for name in modules if name])
            raise ArenaError(f"expected names of layers to train, found {unknown[0]!r}{hint}")
        chosen = [p for name in names for p in modules[name].parameters()]
    if not chosen:
        raise ArenaError("expected parameters to train, found none; name other layers")
    return chosen


def _frozen_parameters(model: nn.Module, trained: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Switch gradients off for what does not train; return it, to be switched on again."""
    kept = {id(parameter) for parameter in trained}
    frozen = [p for p in model.parameters() if p.requires_grad and id(p) not in kept]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return frozen


def _train_mode(model: nn.Module, recipe: Recipe) -> None:
    model.train()
    if recipe.batch_norm == "frozen":
        for module in model.modules():
            if isinstance(module, layers.NORMS):
                module.eval()


def make_optimiser(
    parameters: Sequence[Tensor], recipe: Recipe, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser for some parameters; `betas` are those of Adam's moments."""
    lr, decay = recipe.lr, recipe.weight_decay
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=lr, betas=betas, weight_decay=decay, fused=True)
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, weight_decay=decay, foreach=True)
    nesterov = recipe.nesterov and recipe.momentum > 0
    momentum = recipe.momentum
    return torch.optim.SGD(
        parameters, lr, momentum, weight_decay=decay, nesterov=nesterov, fused=True
    )


def learning_rate_factor(recipe: Recipe, step: int, n_steps: int, per_epoch: int) -> float:
    """Return what the learning rate is multiplied by at a step of a run."""
    share = step / max(n_steps, 1)
    if recipe.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    if recipe.schedule == "steps":
        return recipe.gamma ** sum(share >= milestone for milestone in recipe.milestones)
    if recipe.schedule == "exponential":
        return recipe.gamma ** (step // per_epoch)
    return 1.0
