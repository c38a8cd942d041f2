"""What the units of a traced model do on probe inputs, sampled as the model runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import torch
from torch import Tensor, fx, nn

from arena.world.compute import Compute
from arena.world.graph.groups import Group
from arena.world.models import Model
from arena.world.models.calls import heard, module_of
from arena.world.models.nets.recurrence import Recurrent

_N_PLACES = 16  # of a feature map, for each probe
_GOLDEN = 0.6180339887498949


def watch(
    model: Model, groups: Sequence[Group], probes: Tensor, compute: Compute
) -> tuple[dict[str, Tensor], Tensor]:
    """Run a model on probes in float32 and return what its units show, and its logits.

    Args:
        model: only read.
        groups: of the model's layer graph.
        probes: (N, *input_shape), uint8 or floats in [0, 1].
        compute: where to run.

    Returns:
        name of the group -> (n_units, samples), over probes, places and the layers that show the
        group; and the logits (N, C). Both on the CPU.
    """
    copied = model.copy().eval()
    if isinstance(model.body, Recurrent):
        return _overheard(copied, groups, probes, compute)
    compute.place(copied)
    sampler = _Sampler(fx.symbolic_trace(copied), groups)
    with torch.no_grad():
        logits = [
            sampler.run(compute.images(probes[part])).to("cpu", torch.float32)
            for part in compute.chunks(len(probes), probes.dim())
        ]
    return {name: torch.cat(parts, 1) for name, parts in sampler.seen.items()}, torch.cat(logits)


def _overheard(
    model: Model, groups: Sequence[Group], probes: Tensor, compute: Compute
) -> tuple[dict[str, Tensor], Tensor]:
    """Return what `watch` does, of units that modules show, each of them at every step."""
    seen: dict[str, list[Tensor]] = {group.name: [] for group in groups}
    shows = {slot.layer: group.name for group in groups for slot in group.shown}

    def keep(call: str, _module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):  # (B, n_units)
            seen[shows[module_of(call)]].append(output.detach().to("cpu", torch.float32).T)

    with heard(model, {name: model.get_submodule(name) for name in shows}, keep):
        outputs = compute.outputs(model, probes)
    return {name: torch.cat(parts, 1) for name, parts in seen.items()}, outputs


class _Sampler(fx.Interpreter):
    """Runs a traced network and keeps some places of each value that shows a group."""

    def __init__(self, traced: fx.GraphModule, groups: Sequence[Group]) -> None:
        super().__init__(traced)
        self.seen: dict[str, list[Tensor]] = {group.name: [] for group in groups}
        self._wanted: dict[str, list[tuple[Group, int, int]]] = {}
        for group in groups:
            for slot in group.shown:
                entry = (group, slot.start, slot.block)
                self._wanted.setdefault(slot.layer, []).append(entry)

    def run_node(self, n: fx.Node) -> Any:
        """Run one node; its name is that of torch's interface."""
        value = super().run_node(n)
        for group, start, block in self._wanted.get(n.name, ()):
            part = value.narrow(1, start, block * group.n_units)  # (B, n_units * block, H, W)
            maps = part.reshape(len(value), group.n_units, -1)
            sampled = maps[:, :, _places(maps.shape[2]).to(maps.device)]  # (B, n_units, places)
            self.seen[group.name].append(sampled.transpose(0, 1).flatten(1).cpu())
        return value


def _places(n_entries: int) -> Tensor:
    """Return different places spread over a map, off its rows and columns."""
    step = round(_GOLDEN * n_entries)
    while gcd(step, n_entries) > 1:
        step += 1
    return torch.arange(min(n_entries, _N_PLACES)) * step % n_entries
