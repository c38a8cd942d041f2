"""The aligner brings rewritten models back, keeps their function, and says what it could not do."""

from typing import Any

import pytest
import torch
from torch import Tensor

from arena.errors import ArenaError, NotComparable
from arena.world.compute import Compute
from arena.world.graph import AlignmentReport, LayerGraph, Plan, align, rebuild, scale
from arena.world.models import Model, ModelCard, build, restore
from arena.world.rng import Rng
from tests.world.graph.networks import (
    NETWORKS,
    TRANSFORMS,
    difference,
    every_model,
    groups,
    inputs,
    own,
    weight_error,
    zoo,
)

pytestmark = pytest.mark.long

ALIGNABLE = sorted({n.__name__ for n in NETWORKS} - {"TiedParameter", "TwoNames", "Branching"})


def aligned(suspect: Model, reference: Model, n_probes: int = 96) -> tuple[Model, AlignmentReport]:
    return align(suspect, reference, inputs(reference, n_probes, seed=11), Compute())


def total(report: AlignmentReport, field: str) -> int:
    return sum(getattr(group, field) for group in report.groups)


def edited(model: Model, changes: dict[str, Tensor]) -> Model:
    return restore(model.card, {**model.state_dict(), **changes})


def noisy(model: Model, share: float) -> Model:
    """Add noise of a share of each tensor's own spread to the weights."""
    draw = Rng(12).torch()
    return edited(
        model,
        {
            name: tensor + share * tensor.std() * torch.randn(tensor.shape, generator=draw)
            for name, tensor in model.state_dict().items()
            if name.endswith(".weight") and tensor.dim() > 1
        },
    )


@every_model
def test_exact_transforms_of_the_zoo_are_undone(name: str) -> None:
    reference = zoo(name)
    suspect = TRANSFORMS["everything"](reference, Rng(5).torch())
    digests = reference.digest(), suspect.digest()
    back, report = aligned(suspect, reference)
    assert (reference.digest(), suspect.digest()) == digests
    assert back.card == reference.card
    assert difference(suspect, back) < 1e-4
    assert report.difference < 1e-4
    assert weight_error(back, reference) < 1e-3
    assert total(report, "n_matched") == total(report, "n_units")
    assert total(report, "n_missing") == 0


@pytest.mark.parametrize("transform", sorted(TRANSFORMS))
@pytest.mark.parametrize("name", ["cnn8", "mlp", "lenet5-bn"])
def test_each_transform_is_undone_by_itself(name: str, transform: str) -> None:
    reference = zoo(name)
    back, _ = aligned(TRANSFORMS[transform](reference, Rng(6).torch()), reference)
    assert weight_error(back, reference) < 1e-4


@pytest.mark.parametrize("name", ALIGNABLE)
def test_networks_with_traps_keep_their_function(name: str) -> None:
    reference = own(name)
    back, report = aligned(TRANSFORMS["everything"](reference, Rng(7).torch()), reference)
    assert back.card == reference.card
    assert report.difference < 1e-4
    assert difference(reference, back) < 1e-4


def test_a_mark_that_is_read_by_index_comes_back() -> None:
    reference = zoo("cnn8")
    key = torch.randn(64, 144, generator=Rng(8).torch())

    def bits(model: Model) -> Tensor:
        carrier = model.state_dict()["body.conv2.weight"].mean(0).flatten()
        scores: Tensor = key[:, : len(carrier)] @ carrier
        return scores > 0

    suspect = TRANSFORMS["all_three"](reference, Rng(9).torch())
    assert 0.25 < float((bits(suspect) != bits(reference)).double().mean()) < 0.75
    back, _ = aligned(TRANSFORMS["everything"](reference, Rng(9).torch()), reference)
    assert torch.equal(bits(back), bits(reference))


def test_the_report_counts_what_was_merged_dropped_and_flipped() -> None:
    reference = zoo("cnn8")
    draw = Rng(10).torch()
    _, split = aligned(TRANSFORMS["split"](reference, draw), reference)
    assert [group.n_merged for group in split.groups] == [2, 2, 2, 2]
    assert [group.n_found - group.n_units for group in split.groups] == [2, 2, 2, 2]
    _, clique = aligned(TRANSFORMS["clique"](reference, draw), reference)
    assert total(clique, "n_dropped") + total(clique, "n_merged") == 12
    _, flipped = aligned(TRANSFORMS["flipped"](reference, Rng(10).torch()), reference)
    assert 0 < total(flipped, "n_flipped") < 80
    _, same = aligned(reference, reference)
    assert [group.name for group in same.groups] == [group.name for group in groups(reference)]
    for field in ("n_merged", "n_dropped", "n_missing", "n_flipped"):
        assert total(same, field) == 0
    assert same.n_cropped == 0
    assert same.groups[0].cosine == pytest.approx(1)


def test_units_that_never_fire_are_told_apart_by_their_weights() -> None:
    reference = zoo("cnn8-plain")
    bias = reference.state_dict()["body.conv2.bias"].clone()
    bias[:5] -= 50
    reference = edited(reference, {"body.conv2.bias": bias})
    back, report = aligned(TRANSFORMS["everything"](reference, Rng(13).torch()), reference)
    assert report.groups[1].n_silent >= 5
    assert report.groups[1].n_matched == 32
    assert weight_error(back, reference) < 1e-4


def test_a_scale_in_front_of_the_norm_is_undone() -> None:
    reference = zoo("cnn8")
    state, factors = reference.state_dict(), torch.linspace(0.5, 4, 16)
    suspect = edited(
        reference,
        {
            "body.conv1.weight": state["body.conv1.weight"] * factors.view(-1, 1, 1, 1),
            "body.conv1.bias": state["body.conv1.bias"] * factors,
            "body.norm1.running_mean": state["body.norm1.running_mean"] * factors,
            "body.norm1.running_var": (state["body.norm1.running_var"] + 1e-5) * factors**2 - 1e-5,
        },
    )
    back, _ = aligned(suspect, reference)
    assert weight_error(suspect, reference) > 0.5
    assert weight_error(back, reference) < 1e-4


def test_negative_factors_of_linear_units_are_undone() -> None:
    reference = own("Activations")
    group = LayerGraph.of(reference)["body.linear"]
    factors = torch.tensor([-2.0, 0.5, -1, 1, 3, -0.1])
    back, report = aligned(scale(reference, {group: factors}), reference)
    assert weight_error(back, reference) < 1e-4
    assert report.groups[0].n_flipped == 3


def test_structured_pruning_leaves_places_empty_and_keeps_the_function() -> None:
    reference = zoo("cnn8")
    plans = {g: Plan.keep(g.n_units, torch.arange(2, g.n_units)) for g in groups(reference)}
    suspect = TRANSFORMS["shuffled"](rebuild(reference, plans), Rng(14).torch())
    back, report = aligned(suspect, reference)
    assert [group.n_missing for group in report.groups] == [2, 2, 2, 2]
    assert back.card == reference.card
    assert difference(suspect, back) < 1e-4
    old, new = (m.state_dict()["body.conv1.weight"][2:] for m in (reference, back))
    assert torch.allclose(old, new, atol=1e-4)


def test_a_noisy_copy_is_matched_and_keeps_its_function() -> None:
    reference = zoo("resnet20")
    suspect = noisy(TRANSFORMS["all_three"](reference, Rng(15).torch()), 0.02)
    _, report = aligned(suspect, reference)
    assert report.difference < 1e-4
    assert min(group.cosine for group in report.groups) > 0.8
    assert min(group.likeness for group in report.groups) > 0.3  # noise adds up with depth


def test_a_noisy_obfuscated_copy_loses_little() -> None:
    reference = zoo("cnn8")
    suspect = noisy(TRANSFORMS["split"](reference, Rng(16).torch()), 0.01)
    _, report = aligned(suspect, reference)
    assert min(group.cosine for group in report.groups) > 0.9
    assert 0 < report.difference < 1


def test_a_stranger_is_aligned_without_likeness() -> None:
    reference, stranger = zoo("cnn8"), zoo("cnn8", seed=2)
    back, report = aligned(stranger, reference)
    assert report.difference < 1e-4
    assert max(group.cosine for group in report.groups[1:]) < 0.4
    assert total(report, "n_matched") < 0.5 * total(report, "n_units")
    assert difference(stranger, back) < 1e-4


def test_a_suspect_with_another_head_is_aligned() -> None:
    reference = zoo("cnn8")
    card = reference.card.model_copy(update={"n_classes": 7})
    state = reference.state_dict() | {
        "body.fc2.weight": torch.randn(7, 64, generator=Rng(17).torch()),
        "body.fc2.bias": torch.zeros(7),
    }
    suspect = TRANSFORMS["everything"](restore(card, state), Rng(18).torch())
    back, report = aligned(suspect, reference)
    assert back.card == card
    assert report.difference < 1e-4
    old, new = (m.state_dict()["body.conv3.weight"] for m in (reference, back))
    assert torch.allclose(old, new, atol=1e-4)


def test_a_suspect_whose_outputs_overflow_is_not_comparable() -> None:
    reference = zoo("cnn8-plain")
    huge = {
        name: tensor * 1e30
        for name, tensor in reference.state_dict().items()
        if name.endswith(".weight")
    }
    with pytest.raises(NotComparable, match="cannot be brought back"):
        aligned(edited(reference, huge), reference)


def _plain(name: str, shape: tuple[int, ...], **arguments: object) -> Model:
    card = ModelCard(
        architecture=name,
        arguments=arguments,
        n_classes=4,
        input_shape=shape,
        mean=(0.5,),
        std=(0.25,),
    )
    return build(card, Rng(19))


@pytest.mark.parametrize(
    ("suspect", "words"),
    [
        (("lenet5", (1, 8, 8), {}), "architecture 'cnn8', found 'lenet5'"),
        (("cnn8", (1, 8, 8), {"width": 8}), "arguments"),
        (("cnn8", (3, 8, 8), {}), r"input_shape \(1, 8, 8\)"),
    ],
)
def test_another_architecture_is_not_comparable(
    suspect: tuple[str, tuple[int, ...], dict[str, Any]], words: str
) -> None:
    name, shape, arguments = suspect
    with pytest.raises(NotComparable, match=words):
        aligned(_plain(name, shape, **arguments), _plain("cnn8", (1, 8, 8)))


def test_a_model_without_channels_that_can_be_followed_is_not_comparable() -> None:
    reference = _plain("softmax", (16,))
    with pytest.raises(NotComparable, match="verify it by index"):
        aligned(reference, reference)


def test_kernels_with_another_centre_are_not_comparable() -> None:
    reference = zoo("cnn8")
    state = reference.state_dict()
    state["body.conv2.weight"] = torch.nn.functional.pad(state["body.conv2.weight"], (0, 1, 0, 1))
    card = reference.card.model_copy(update={"resized": True})
    with pytest.raises(ArenaError):
        aligned(restore(card, state), reference)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (9, 3, 8, 8)])
def test_probes_that_do_not_suit_the_reference_are_refused(shape: tuple[int, ...]) -> None:
    reference = zoo("cnn8")
    with pytest.raises(NotComparable, match="probes of shape"):
        align(reference, reference, torch.zeros(shape), Compute())


def test_the_same_alignment_twice_gives_the_same_bits() -> None:
    reference = zoo("cnn8")
    suspect = TRANSFORMS["everything"](reference, Rng(20).torch())
    (one, first), (other, second) = (aligned(suspect, reference) for _ in range(2))
    assert one.digest() == other.digest()
    assert first == second
