"""The query log: who asked an interface what, and what was answered, in the order of the calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from arena.world.bundle import Bundle


@dataclass(frozen=True)
class Query:
    """One call: the client's name, its inputs (N, ...) and what it was shown of the answers."""

    client: str
    inputs: Tensor
    answers: Tensor


class QueryLog:
    """The calls that an interface answered. The referee writes it; an owner may read its own."""

    def __init__(self, queries: Sequence[Query] = ()) -> None:
        self._queries = list(queries)

    @property
    def queries(self) -> tuple[Query, ...]:
        """Return every call, in order."""
        return tuple(self._queries)

    def write(self, client: str, inputs: Tensor, answers: Tensor) -> None:
        """Append a call."""
        self._queries.append(Query(client, inputs.detach().clone(), answers.detach().clone()))

    def bundle(self) -> Bundle:
        """Return the log as plain data and tensors."""
        tensors: dict[str, Tensor] = {}
        for i, query in enumerate(self._queries):
            tensors |= {f"{i}/inputs": query.inputs, f"{i}/answers": query.answers}
        return Bundle({"clients": [query.client for query in self._queries]}, tensors)

    @classmethod
    def read(cls, bundle: Bundle) -> QueryLog:
        """Read a log back."""
        return cls(
            [
                Query(client, bundle.tensors[f"{i}/inputs"], bundle.tensors[f"{i}/answers"])
                for i, client in enumerate(bundle.data["clients"])
            ]
        )
