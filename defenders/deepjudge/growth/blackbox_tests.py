"""Black-box tests: adversarial examples of the victim, and the ways to make them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from arena.world.json_values import Frozen
from arena.world.rng import Rng
from arena.world.training.adversarial import CarliniWagner, Crafting, Fgsm, Pgd, craft

Method = Literal["fgsm", "pgd", "cw"]
Steps = Literal["scaled", "projected", "repository"]
_REPOSITORY_STEP = 0.03
_CONFIDENCES = (0.5, 5.0)
_INSIDE = 1e-3  # CW's change of variable has no finite value for a pixel of exactly 0 or 1


class ExampleRecipe(Frozen):
    """How adversarial examples are made; pixels are in [0, 1].

    `steps` says how PGD moves: "scaled" by eps / n_steps a step, at most 2 eps in all with its
    random start; "projected" the same and back into the eps-ball after each step; "repository" as
    the public code does, by 0.03 a step whatever eps is and without projection.
    `random_start` lets FGSM begin at a random point of the eps-ball, as PGD does; from there its
    step is eps, so it ends within 2 eps.
    `eps` means nothing to CW, which looks for the least change that is wrong by `confidence`.
    """

    method: Method = "pgd"
    eps: float = 0.1
    n_steps: int = 10
    steps: Steps = "scaled"
    random_start: bool = False  # of FGSM
    confidence: float = 5.0  # of CW: by how much the wrong logit leads
    weight: float = 1.0  # of CW: misclassification against distance
    lr: float = 0.05  # of CW: slower, n_cw_steps are too few to be wrong by the confidence
    n_cw_steps: int = 100

    def of_strength(self, method: Method, strength: float) -> ExampleRecipe:
        """Return the same settings with another method: `strength` is eps, of CW the confidence."""
        name = "confidence" if method == "cw" else "eps"
        return self.model_copy(update={"method": method, name: strength})

    def crafting(self) -> Crafting:
        """Return what a toolbox is asked for.

        A ball that n steps cannot leave is a PGD without projection.
        """
        if self.method == "fgsm":
            return Fgsm(self.eps)
        if self.method == "cw":
            return CarliniWagner(self.confidence, self.weight, self.lr, self.n_cw_steps)
        step = _REPOSITORY_STEP if self.steps == "repository" else self.eps / self.n_steps
        if self.steps == "projected":
            return Pgd(self.eps, step, self.n_steps)
        return Pgd(2 * step * self.n_steps, step, self.n_steps, random_start=False)

    @property
    def title(self) -> str:
        """Return a short name, e.g. "pgd 0.1"."""
        strength = self.confidence if self.method == "cw" else self.eps
        return f"{self.method} {strength:g}"


def adversarial(
    view: nn.Module, images: Tensor, labels: Tensor, how: ExampleRecipe, rng: Rng
) -> Tensor:
    """Return images (N, *shape), moved for a model to misclassify, in [0, 1], on the CPU.

    Args:
        view: the model as a toolbox may call it (`Lab.frozen`).
        images: floats in [0, 1], (N, *shape).
        labels: the true classes, (N,).
        how: the generator.
        rng: of a random start.
    """
    device = next(view.parameters()).device
    start, truth = images.to(device), labels.to(device)
    with _own_randomness(rng, device):
        moved = craft(view, _begin(start, how), truth, how.crafting())
    return moved.to("cpu", torch.float32)


def _begin(images: Tensor, how: ExampleRecipe) -> Tensor:
    """Return what the attack starts from: a random start, where nothing is projected."""
    if how.method == "cw":
        return images.clamp(_INSIDE, 1 - _INSIDE)
    moves = how.random_start if how.method == "fgsm" else how.steps != "projected"
    if moves:
        noise = torch.rand_like(images) * 2 - 1
        return (images + how.eps * noise).clamp(0, 1)
    return images


@contextlib.contextmanager
def _own_randomness(rng: Rng, device: torch.device) -> Iterator[None]:
    """Let what draws from torch's global generator draw from `rng`; the global state comes back.

    Toolboxes take no generator.
    """
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.set_state(rng.torch().get_state())
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(rng.integer())
        yield


def grid(
    method: Method | Literal["any"], strengths: Sequence[float], like: ExampleRecipe
) -> list[ExampleRecipe]:
    """Return the generators among which the gap rule chooses.

    Args:
        method: one, or any of them.
        strengths: the eps of FGSM and PGD; the confidences of CW have a scale of their own.
        like: the other settings.
    """
    methods: tuple[Method, ...] = ("pgd", "fgsm", "cw") if method == "any" else (method,)
    return [
        like.of_strength(name, strength)
        for name in methods
        for strength in (_CONFIDENCES if name == "cw" else strengths)
    ]
