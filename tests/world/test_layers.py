"""Layers by their role: what carries weights is found in every kind of network."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.world import layers
from arena.world.graph import LayerGraph
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng

LATENT = ModelCard(
    kind="generator",
    architecture="dcgan",
    arguments={"latent": 8, "width": 4},
    input_shape=(8,),
    output_shape=(1, 8, 8),
)


class Reader(nn.Module):
    """Reads a text of tokens: an embedding, a recurrent layer, a linear layer."""

    def __init__(self, recurrent: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.memory = recurrent(6, 5, batch_first=True)
        self.out = nn.Linear(5, 11)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.memory(self.words(tokens.long()))
        return self.out(states)  # type: ignore[no-any-return]  # modules are untyped


@pytest.fixture
def generator() -> Model:
    return build(LATENT, Rng(0))


@pytest.mark.parametrize(("recurrent", "n_gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_embeddings_and_recurrent_layers_are_seen(
    recurrent: type[nn.LSTM | nn.GRU], n_gates: int
) -> None:
    """A recurrent layer's weights are those from hidden state to hidden state."""
    reader = Reader(recurrent)
    assert layers.weighted(reader, (7,)) == ["words", "memory", "out"]
    assert layers.weight(reader, "words").shape == (11, 6)
    assert layers.weight(reader, "memory").shape == (n_gates * 5, 5)
    assert layers.last(reader, (7,)) == "out"


def test_a_generators_layers_are_seen(generator: Model) -> None:
    shape = generator.card.input_shape
    assert layers.weighted(generator, shape) == ["body.fc", "body.up1", "body.out"]
    assert layers.convolutions(generator, shape) == ["body.up1", "body.out"]
    assert layers.normalised(generator, shape) == {"body.up1": "body.norm1"}
    assert layers.last(generator, shape) == "body.out"


def test_what_has_no_weights_is_refused(generator: Model) -> None:
    with pytest.raises(NotComparable, match=r"expected a layer 'body\.tanh' with weights"):
        layers.weight(generator, "body.tanh")


def test_the_graph_names_what_it_cannot_rewrite() -> None:
    reader = Model(LATENT, Reader(nn.LSTM))
    graph = LayerGraph.of(reader)
    assert graph.groups == ()
    assert graph.left["body.memory"] == "no rewriting of a LSTM is known"
    with pytest.raises(NotComparable, match=r"body\.memory: no rewriting of a LSTM"):
        LayerGraph.to_rewrite(reader)


def test_a_generators_layers_are_rewritten_up_to_the_last(generator: Model) -> None:
    graph = LayerGraph.to_rewrite(generator)
    assert [group.n_units for group in graph.groups] == [8, 4]
    assert list(graph.left) == ["body.out"]


def test_only_the_head_of_a_classifier_is_left(trained: Model) -> None:
    graph = LayerGraph.to_rewrite(trained)
    assert list(graph.left) == ["body.fc2"]
    assert len(graph.groups) == 4


def test_a_blank_input_is_made_by_the_kind(generator: Model) -> None:
    """Layers are found without a question of what goes into the model."""
    blank = generator.kind.blank(generator.card)
    assert blank.shape == (1, 8)
    assert generator(blank).shape == (1, 1, 8, 8)
