"""The compute layer: whatever runs a model goes through it, so speed is decided in one place.

For each device it fixes memory format, chunk size and number type. Results come back on the CPU in
float32 (or float64 where asked), whatever the device and the autocast: verdicts are computed there.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from arena.errors import ArenaError, NotComparable, did_you_mean
from arena.world.frozen_conv import fix_convolutions
from arena.world.models.calls import captured
from arena.world.models.model import Model
from arena.world.quick_pool import quick_pools, quicken

Precision = Literal["float32", "bfloat16"]
Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, C), indices (B,)) -> one value for each image (B,)."""

_CHUNK = {"cpu": 256, "cuda": 4096}  # images a forward pass: fits the caches / fills the GPU
_FLAT_CHUNK = 4096  # tabular inputs are small
_PIXELS, _LEAST = 2**16, 32  # of a chunk of larger images on a CPU, and how many images at least
_HEAP = 31 * 2**20  # bytes


@dataclass(frozen=True)
class Compute:
    """Where and how models run."""

    device: str = "cpu"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.device == "cuda":
            keep_mantissa()

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "auto") -> Compute:
        """Return the layer for `auto`, `cpu` or `cuda`, in `auto`, `float32` or `bfloat16`.

        `auto` computes in float32 on a CPU, whatever it has instructions for, and under bfloat16
        autocast on a GPU. Which it is belongs to the recipe of everything that is made.

        Raises:
            ArenaError: a GPU is asked for and none is found, or a name is unknown.
        """
        if precision not in ("auto", *get_args(Precision)):
            raise ArenaError(
                "expected a precision of auto, float32 or bfloat16, found "
                f"{precision!r}{did_you_mean(precision, get_args(Precision)) or '; try auto'}"
            )
        if device not in ("auto", "cpu", "cuda"):
            raise ArenaError(f"expected a device of auto, cpu or cuda, found {device!r}; try auto")
        if device == "cuda" and not torch.cuda.is_available():
            raise ArenaError("expected a CUDA device, found none; try --device cpu")
        if device != "cpu" and torch.cuda.is_available():
            return cls("cuda", "float32" if precision == "float32" else "bfloat16")
        return cls("cpu", "bfloat16" if precision == "bfloat16" else "float32")

    @property
    def float32(self) -> Compute:
        """The layer without autocast, in which answers, keys and verdicts are computed.

        Rounding to bfloat16 is good enough to train in; a difference of two answers, or which of
        two classes comes first, may be nothing but that rounding.
        """
        return replace(self, precision="float32")

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model (in place) to the device and into the memory format that is fast there."""
        keep_heap()
        model.to(self.device)
        for parameter in model.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return model

    def images(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return images as the models read them: floats in [0, 1] from uint8, on the device."""
        placed = images.to(self.device, non_blocking=True)
        scaled = placed.to(dtype).div_(255) if placed.dtype == torch.uint8 else placed.to(dtype)
        if scaled.dim() == 4:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        return scaled

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the autocast context of this layer (none for float32)."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def chunks(self, n_images: int, n_dimensions: int = 4) -> Iterator[slice]:
        """Return the slices in which `n_images` are run."""
        size = _CHUNK[self.device] if n_dimensions == 4 else _FLAT_CHUNK
        return _slices(n_images, size)

    def parts(self, model: nn.Module, inputs: Tensor) -> Iterator[slice]:
        """Return the slices in which a model runs some inputs."""
        if isinstance(model, Model) and model.kind.heavy:
            return self.chunks(len(inputs))
        if inputs.dim() != 4 or self.device != "cpu":
            return self.chunks(len(inputs), inputs.dim())
        n_pixels = inputs.shape[2] * inputs.shape[3]
        size = min(max(_PIXELS // max(n_pixels, 1), _LEAST), _CHUNK["cpu"])
        return _slices(len(inputs), size)

    def inputs(
        self, model: nn.Module, inputs: Tensor, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return stored inputs as a model reads them; what is no `Model` reads images."""
        if isinstance(model, Model):
            return model.kind.prepare(inputs, self, dtype)
        return self.images(inputs, dtype)

    def outputs(self, model: nn.Module, inputs: Tensor, *, double: bool = False) -> Tensor:
        """Return the outputs (N, ...) of a model in eval mode, on the CPU.

        Args:
            model: the model; it is put into eval mode and onto the device, not changed otherwise.
            inputs: (N, *input_shape), as they are stored: pixels as uint8 or floats in [0, 1].
            double: compute in float64 (on a copy of the model, unless it is float64 already).
        """
        if double and any(t.dtype == torch.float32 for t in model.state_dict().values()):
            model = copy.deepcopy(model).double()
        self.place(model).eval()
        dtype = torch.float64 if double else torch.float32
        context = contextlib.nullcontext() if double else self.autocast()
        with torch.no_grad(), context, quick_pools(model):
            outputs = [
                model(self.inputs(model, inputs[part], dtype)).to("cpu", dtype)
                for part in self.parts(model, inputs)
            ]
        return torch.cat(outputs) if outputs else torch.zeros(0, 0, dtype=dtype)

    def logits(self, model: nn.Module, images: Tensor, *, double: bool = False) -> Tensor:
        """Return the outputs of a classifier: its logits (N, C)."""
        return self.outputs(model, images, double=double)

    def probabilities(self, model: nn.Module, images: Tensor, *, double: bool = False) -> Tensor:
        """Return the softmax (N, C) of a classifier's logits, on the CPU."""
        return self.logits(model, images, double=double).softmax(1)

    def labels(self, model: nn.Module, images: Tensor) -> Tensor:
        """Return the classes (N,) that a classifier predicts, on the CPU."""
        return self.logits(model, images).argmax(1)

    def accuracy(self, model: nn.Module, images: Tensor, labels: Tensor) -> float:
        """Return the share in [0, 1] of images whose predicted class is the given one."""
        return float((self.labels(model, images) == labels.cpu()).double().mean())

    def activations(
        self,
        model: nn.Module,
        images: Tensor,
        layers: Sequence[str],
        reduce: Callable[[Tensor], Tensor] = lambda output: output,
    ) -> dict[str, Tensor]:
        """Return the outputs of the named layers for all images from one forward pass each.

        Args:
            model: the model, put into eval mode.
            images: (N, *input_shape).
            layers: names of modules, or of their calls (see `arena.world.models.calls`).
            reduce: applied to each chunk's output (B, ...) before it is kept, to bound memory.

        Raises:
            NotComparable: a module has no such call.
        """
        self.place(model).eval()
        kept: dict[str, list[Tensor]] = {name: [] for name in layers}

        def own(output: Tensor) -> Tensor:
            return reduce(output).to("cpu", torch.float32, copy=True)

        reading = captured(model, layers, own)
        with torch.no_grad(), self.autocast(), quick_pools(model), reading as seen:
            for part in self.parts(model, images):
                model(self.inputs(model, images[part]))
                for name in layers:
                    if name not in seen:
                        raise NotComparable(f"expected a call {name!r} of a layer, found none")
                    kept[name].append(seen[name])
        return {name: torch.cat(parts) for name, parts in kept.items()}

    def input_gradients(self, model: nn.Module, images: Tensor, objective: Objective) -> Tensor:
        """Return d objective / d image, (N, *input_shape), on the CPU.

        Args:
            model: the model, put into eval mode.
            images: (N, *input_shape).
            objective: (logits (B, C), indices (B,) into `images`) -> values (B,).
        """
        frozen = self.frozen(model)
        parts = []
        for part in self.parts(model, images):
            batch = self.inputs(model, images[part]).detach().requires_grad_(True)
            index = torch.arange(part.start, part.stop)
            value = objective(frozen(batch), index).sum()
            (gradient,) = torch.autograd.grad(value, batch)
            parts.append(gradient.to("cpu", torch.float32))
        return torch.cat(parts)

    def frozen(self, model: nn.Module, *, double: bool = False) -> FixedModel:
        """Return a view of the model for any library to call and to differentiate in its input.

        It runs in chunks, in the fast format, without the cost of weight gradients.

        Args:
            model: the model, which is copied.
            double: compute in float64: what follows from many signs of gradients comes out the same
                on another machine.
        """
        return FixedModel(self, model, torch.float64 if double else torch.float32)


class FixedModel(nn.Module):
    """A model whose weights take no gradients, run in chunks; what toolboxes attack."""

    def __init__(
        self, compute: Compute, model: nn.Module, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.compute, self.dtype = compute, dtype
        self.model = copy.deepcopy(model).eval()
        if dtype == torch.float64:
            self.model.double()
        compute.place(self.model).requires_grad_(False)
        if compute.device == "cpu" and compute.precision == "float32":
            fix_convolutions(self.model)
            quicken(self.model)

    def forward(self, images: Tensor) -> Tensor:
        """Return outputs (N, ...) of the view's type on the device; differentiable in `images`."""
        exact = self.dtype == torch.float64
        sizes = [part.stop - part.start for part in self.compute.parts(self.model, images)]
        parts = []
        for chunk in torch.split(images, sizes):  # slices would add up gradients of the whole
            with contextlib.nullcontext() if exact else self.compute.autocast():
                read = self.compute.inputs(self.model, chunk, self.dtype)
                parts.append(self.model(read).to(self.dtype))
        return torch.cat(parts)


def _slices(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def keep_heap() -> None:
    """Let the C library keep memory that is freed and asked for again at every step.

    glibc raises its thresholds for giving memory back to the largest block that was freed so far,
    up to one of 32 MiB; without this, a step pays for the page faults of its temporaries.
    """
    torch.empty(_HEAP, dtype=torch.uint8)


def keep_mantissa() -> None:
    """Let convolutions in float32 on a GPU keep its 23 bits; cuDNN rounds to TF32's 10 by default.

    Rounded so, on a CPU, the logits of a new `cnn8` are off by 3e-3; in float32 they are by 2e-6.
    """
    torch.backends.cudnn.allow_tf32 = False
