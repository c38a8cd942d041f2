"""A service: a model behind wrappers, as it answers one client call by call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.serving.wrapper import Answer, Client, Wrapper
from arena.world.bundle import Bundle
from arena.world.kinds.kind import Steer
from arena.world.rng import Rng

Writer = Callable[[Tensor, Steer, Rng], Tensor]
"""(prompts (N, t), what changes the scores of each next token, rng) -> tokens (N, length)."""


class Service:
    """Answers one client through wrappers, the first of which is the innermost.

    Every call has randomness of its own, named by its number, so that a service that was written
    down and read back goes on bit for bit as if it had never stopped.
    """

    def __init__(
        self,
        model: Answer,
        serving: Sequence[Wrapper],
        rng: Rng,
        earlier: Bundle | None = None,
    ) -> None:
        """Open a service.

        Args:
            model: what answers behind the innermost wrapper.
            serving: the wrappers.
            rng: the randomness of this client's service.
            earlier: the state that `bundle` returned, to go on from.
        """
        self._model, self._serving, self._rng = model, tuple(serving), rng
        self.client = client_name(rng)
        self._n_calls = 0 if earlier is None else int(earlier.data["calls"])
        self._clients = [self._known(i, earlier) for i in range(len(self._serving))]

    def _known(self, i: int, earlier: Bundle | None) -> Client:
        client = Client(self.client, self._rng)
        if earlier is not None:
            client.numbers |= earlier.data["numbers"][i]
            client.tensors |= earlier.prefixed(str(i))
        return client

    def answer(self, inputs: Tensor) -> Tensor:
        """Return the whole answer (N, ...) to one call; uint8 inputs are read as floats / 255."""
        self._called()
        answer = self._model
        for wrapper, client in zip(self._serving, self._clients, strict=True):
            answer = _layer(wrapper, answer, client)
        return answer(inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs)

    def write(self, prompts: Tensor, writer: Writer) -> Tensor:
        """Return the tokens (N, length) that are written behind prompts (N, t), as one call."""
        call = self._called()

        def steer(tokens: Tensor, scores: Tensor) -> Tensor:
            for wrapper, client in zip(self._serving, self._clients, strict=True):
                scores = wrapper.steer(tokens, scores, client)
            return scores

        return writer(prompts, steer, call.child("writing"))

    def _called(self) -> Rng:
        """Return the randomness of a new call, of which each wrapper has a part."""
        call = self._rng.child("call", self._n_calls)
        self._n_calls += 1
        for i, client in enumerate(self._clients):
            client.rng = call.child("wrapper", i)
        return call

    def bundle(self) -> Bundle:
        """Return what the wrappers keep of the client, to go on from in the next round."""
        data = {"calls": self._n_calls, "numbers": [dict(each.numbers) for each in self._clients]}
        tensors = {
            f"{i}/{name}": tensor
            for i, each in enumerate(self._clients)
            for name, tensor in each.tensors.items()
        }
        return Bundle(data, tensors)


def _layer(wrapper: Wrapper, answer: Answer, client: Client) -> Answer:
    def respond(inputs: Tensor) -> Tensor:
        answered = wrapper.respond(inputs, answer, client)
        if not isinstance(answered, Tensor) or len(answered) != len(inputs):
            found = tuple(answered.shape) if isinstance(answered, Tensor) else type(answered)
            raise PlayerError(
                f"expected {len(inputs)} answers from the wrapper {wrapper.name!r}, found {found}"
            )
        return answered

    return respond


def client_name(rng: Rng) -> str:
    """Return the name under which wrappers and logs know a client: it says nothing of its role."""
    return f"{rng.child('client').integer():016x}"
