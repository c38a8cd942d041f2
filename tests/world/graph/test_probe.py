"""What units show on probes, sampled as a model runs."""

import pytest
import torch

from arena.world.compute import Compute
from arena.world.graph import LayerGraph
from arena.world.graph.probe import _places, watch
from tests.world.graph.networks import inputs, own, zoo


def test_the_maps_are_those_that_hooks_see() -> None:
    model = zoo("cnn8")
    graph, probes, compute = LayerGraph.of(model), inputs(model, 12), Compute()
    maps, logits = watch(model, graph.groups, probes, compute)
    assert torch.allclose(logits, compute.logits(model, probes), atol=1e-5)
    seen = compute.activations(model, probes, ["body.pool2", "body.relu4"])
    assert torch.allclose(maps["body.fc1"], seen["body.relu4"].T, atol=1e-5)
    pooled = seen["body.pool2"].flatten(2)[:, :, _places(4)]  # (12, 32, 4)
    pooled = pooled.transpose(0, 1).flatten(1)  # (32, 12 * 4)
    assert torch.allclose(maps["body.conv3"], pooled, atol=1e-5)


def test_all_layers_that_read_a_stream_show_it() -> None:
    model = zoo("resnet20")
    graph = LayerGraph.of(model)
    maps, _ = watch(model, graph.groups, inputs(model, 4), Compute())
    assert maps["body.conv1"].shape == (16, 4 * 16 * 4)  # 4 probes, 16 places, 4 values
    assert maps["body.stage1.0.conv1"].shape == (16, 4 * 16)


def test_more_probes_than_a_chunk_are_all_run() -> None:
    model = zoo("mlp")
    maps, logits = watch(model, LayerGraph.of(model).groups, inputs(model, 5000), Compute())
    assert logits.shape == (5000, 4)
    assert maps["body.fc1"].shape == (128, 5000)


def test_a_group_behind_a_concatenation_is_cut_out() -> None:
    model = own("HalvesTied")
    first, second = LayerGraph.of(model).groups
    maps, _ = watch(model, (first, second), inputs(model, 3), Compute())
    assert (len(maps[first.name]), len(maps[second.name])) == (4, 5)
    assert not torch.equal(maps[first.name], maps[second.name][:4])


def test_the_model_keeps_its_mode_and_weights() -> None:
    model = zoo("cnn8").train()
    before = model.digest()
    watch(model, (), inputs(model, 4), Compute())
    assert model.training
    assert model.digest() == before


@pytest.mark.parametrize("n_entries", [1, 4, 16, 17, 49, 1024])
def test_places_are_different_and_on_the_map(n_entries: int) -> None:
    places = _places(n_entries).tolist()
    assert len(places) == len(set(places)) == min(n_entries, 16)
    assert 0 <= min(places) <= max(places) < n_entries


def test_places_meet_many_columns_of_a_map() -> None:
    assert len({place % 32 for place in _places(1024).tolist()}) > 8
