"""What a process does that a stranger's own network runs in: say its form, take tensors, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from arena.errors import PlayerError
from arena.game.sides.access import Channel
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models.model import drawn
from arena.world.models.registry import make_body
from arena.world.rng import Rng

_loaded: list[nn.Module] = []  # the one network of this process


def form(given: Bundle, _channel: Channel) -> Bundle:
    """Return the names, shapes and types of its tensors, and which of them are learnt."""
    network = _built(given)
    learnt = {name for name, _ in network.named_parameters()}
    rows: list[Json] = [
        [name, list(tensor.shape), str(tensor.dtype).removeprefix("torch."), name in learnt]
        for name, tensor in network.state_dict().items()
    ]
    return Bundle({"tensors": rows})


def load(given: Bundle, _channel: Channel) -> Bundle:
    """Build the network and give it its tensors."""
    network = _built(given)
    network.load_state_dict(dict(given.tensors), assign=True)
    _loaded[:] = [network.eval()]
    return Bundle()


def forward(given: Bundle, _channel: Channel) -> Bundle:
    """Return the logits (N, C) for inputs."""
    with torch.no_grad():
        rows = _loaded[0](given.tensors["inputs"])
    if not isinstance(rows, torch.Tensor):
        raise PlayerError(f"expected a tensor of logits, found {type(rows).__name__}")
    return Bundle(tensors={"rows": rows.detach().contiguous()})


def _built(given: Bundle) -> nn.Module:
    data = given.data
    sizes = tuple(data["shape"]), data["n_classes"]
    return drawn(lambda: make_body(data["name"], data["arguments"], *sizes), Rng(0))


OWN_TASKS: Mapping[str, Callable[[Bundle, Channel], Bundle]] = MappingProxyType(
    {task.__name__: task for task in (form, load, forward)}
)
