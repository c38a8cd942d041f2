"""A wrapper with a secret, a memory and tensors, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper


@wrapper("test-counting")
@dataclass(frozen=True, kw_only=True)
class Counting(Wrapper):
    """Adds noise of the call and what it has counted of the client to every answer."""

    secret: str = field(default="", repr=False)
    step: float = 1.0

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        rows = answer(inputs)
        client.numbers["seen"] = client.numbers.get("seen", 0) + len(inputs)
        client.tensors["sum"] = client.tensors.get("sum", torch.zeros(rows.shape[1])) + rows.sum(0)
        noise = torch.rand(rows.shape, generator=client.rng.torch())
        bias: Tensor = self.tensors.get("bias", torch.zeros(1))
        seen = float(client.numbers["seen"])
        return rows + self.step * seen + client.tensors["sum"] + noise + bias
